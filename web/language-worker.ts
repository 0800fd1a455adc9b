import { putFile } from '../src/browser.js';
import type { Analysis } from '../src/language/analysis.js';
import { completionsAt } from '../src/language/completion.js';
import { hintsIn } from '../src/language/hints.js';
import { hoverAt } from '../src/language/hover.js';
import { semanticTokens } from '../src/language/semantic.js';
import { plainService } from '../src/language/service.js';
import { Planner } from './planner.js';
import { serve } from './rpc.js';

const NAME = 'file';
const PATH = 'file.amp';

const service = plainService('webgpu');
const planner = new Planner();

const current = (): Analysis => service.analysis(NAME)!;

/** What the editor shows at once: the mistakes of a text, and the kinds of its words. */
function update(text: string) {
  const analysis = service.update(NAME, { path: PATH, text });
  return { diagnostics: analysis.diagnostics, tokens: semanticTokens(analysis) };
}

/** The plan of a text with some settings, and what stands beside the lines by it: shapes, formats, casts. */
async function plan(text: string, settings: Parameters<Planner['plan']>[1]) {
  const planned = await planner.plan(text, settings);
  if (planned.report === undefined) return { ...planned, hints: [] };
  update(text);
  const hints = hintsIn(current(), planner.latest, { start: 0, end: text.length }, { shapes: true, formats: true, casts: true });
  return { ...planned, hints };
}

/** Tells which pictures there are: what they show is no matter of a plan. */
function knowPictures(paths: readonly string[]): void {
  for (const path of paths) putFile(path, new Uint8Array(0));
  service.close(NAME);
  planner.forget();
}

const functions = {
  update,
  knowPictures,
  plan,
  compare: (settings: Parameters<Planner['compare']>[0]) => planner.compare(settings),
  story: (layer: string) => planner.story(layer),
  kernelsInC: (layer: string) => planner.kernelsInC(layer),
  complete: (text: string, offset: number) => {
    update(text);
    return completionsAt(current(), offset);
  },
  hover: (text: string, offset: number) => {
    update(text);
    return hoverAt(current(), planner.latest, offset);
  },
};

export type LanguageFunctions = typeof functions;

serve(functions);
