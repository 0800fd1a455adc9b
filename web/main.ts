import type { Markup } from '../src/figures/markup.js';
import { formatBytes } from '../src/numeric/bytes.js';
import { differenceOf } from './difference-view.js';
import { createEditor } from './editor.js';
import { EXAMPLES } from './examples.js';
import { GuideView } from './guide-view.js';
import type { LanguageFunctions } from './language-worker.js';
import { byId } from './page.js';
import { pictureProgram } from './picture-program.js';
import { PlanView } from './plan-view.js';
import { connect } from './rpc.js';
import type { ShownPlan } from './shown-plan.js';
import { languageWorker } from './start.js';
import { StoryView } from './story-view.js';
import { TrainView } from './train-view.js';

const PAUSE_MS = 200;
/** Who changes something again before that waits for no more than pictures. */
const MORE_MS = 100;

const language = connect<LanguageFunctions>(() => languageWorker);
const status = byId('plan-status');
const example = byId<HTMLSelectElement>('example');
const precision = byId<HTMLSelectElement>('precision');
const policy = byId<HTMLSelectElement>('policy');
const other = byId<HTMLSelectElement>('other');
const difference = byId('difference');
const batch = byId<HTMLInputElement>('batch');

// `ampc ui FILE` puts a program into the page.
const given = JSON.parse(byId('given').textContent || 'null') as string | null;
const programs: Record<string, string> = { ...(given !== null && { 'the file that was given': given }), ...EXAMPLES };
example.append(...Object.keys(programs).map((name) => new Option(name)));

/** What the switches change of the file; what they leave as it is, is left out. */
function settings(): Readonly<Record<string, string | number>> {
  return {
    ...(precision.value !== '' && { precision: precision.value }),
    ...(policy.value !== '' && { policy: policy.value }),
    ...(batch.value !== '' && { batch: batch.valueAsNumber }),
  };
}

/** Shows how the plan differs from that with what is chosen to compare, `key=value`. */
async function showDifference(picture: Markup, own: number): Promise<void> {
  const [key, value] = other.value.split('=') as [string, string | undefined];
  const found = value === undefined ? undefined : await language.compare({ ...settings(), [key]: value });
  if (own !== version) return;
  difference.hidden = found === undefined;
  if (found === undefined) return;
  const name = `${key} ${value}`;
  if (found.why === undefined) difference.innerHTML = differenceOf(picture, found.picture, found.diff, name);
  else difference.textContent = `With ${name} there is no plan: ${found.why}`;
}

let shown: ShownPlan | undefined;
let version = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

async function replan(): Promise<void> {
  const own = ++version;
  const text = editor.text();
  const { shown: plan, picture, times, ms, diagnostics } = await language.plan(text, settings());
  if (own !== version) return;
  if (plan === undefined) {
    planView.dim();
    status.textContent = diagnostics[0]?.message ?? 'there is no plan';
    return;
  }
  shown = plan;
  planView.show(plan, picture, times);
  void tellMore(text, own);
  await story.follow(plan);
  await showDifference(picture, own);
  if (own !== version) return;
  const parts = `${plan.kernels} kernels and ${plan.casts.length} casts in a step, ${formatBytes(plan.memory.total)}`;
  status.textContent = `${plan.model}: ${parts}; planned in ${ms.toFixed(0)} ms`;
  document.body.dataset['planned'] = String(own);
}

/** What stands beside the lines, and the comparison with fp32, which takes another plan, come after the picture. */
async function tellMore(text: string, own: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, MORE_MS));
  if (own !== version) return;
  const [hints, bytes] = await Promise.all([language.hints(text), language.fp32Bytes()]);
  if (own !== version) return;
  editor.showHints(text, hints);
  if (bytes !== undefined) planView.compareWithFp32(bytes);
}

function later(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void replan(), PAUSE_MS);
}

const editor = createEditor(byId('editor'), programs[example.value]!, language, later);
const story = new StoryView(byId('story'), language, editor.goTo);
const planView = new PlanView(byId('plan'), byId('plan-figures'), (layer) => void story.tell(layer));

/** Pictures that this browser keeps: a program for each folder of them, and for the one that came just now in the editor. */
async function tellPictures(paths: readonly string[], folder?: string): Promise<void> {
  await language.knowPictures(paths);
  for (const name of new Set(paths.map((path) => path.split('/').slice(1, 3).join('/')))) {
    if (programs[name] === undefined) example.append(new Option(name));
    programs[name] = pictureProgram(name, paths);
  }
  if (folder === undefined) return replanNow();
  example.value = folder;
  editor.replace(programs[folder]!);
  guide.tell(folder);
}

const planned = replan();
const training = new TrainView(() => ({ text: editor.text(), settings: settings() }), tellPictures, planned);

/** Plans what the editor has now, and does not wait for further keys. */
function replanNow(): Promise<void> {
  clearTimeout(timer);
  return replan();
}

const guide = new GuideView({
  open: (name) => {
    for (const control of [precision, policy, batch, other]) control.value = '';
    editor.replace(programs[name]!);
    return replanNow();
  },
  write: async (from, to) => {
    if (!editor.write(from, to)) throw new Error(`the text has no line \`${from.trim()}\` any more: begin again`);
    await replanNow();
  },
  train: () => training.runAnew(),
  show: async (layer) => {
    const found = shown?.layers.find((one) => one.layer === layer);
    if (found === undefined) throw new Error(`the plan has no layer \`${layer}\`: begin again`);
    await story.tell(found);
  },
  gradients: (scale) => training.measureGradients(scale),
});

example.addEventListener('change', () => {
  editor.replace(programs[example.value]!);
  guide.tell(example.value);
});
for (const control of [precision, policy, batch, other]) control.addEventListener('change', () => void replan());
