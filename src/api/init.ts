import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../choose/plan-file.js';
import { userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { errorCode, fileReason, isSystemError } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import { VERSION } from '../files/version.js';
import { printPlan } from '../plan/print.js';

/** The names of a new project's files that others mention. */
const [MODEL, PLAN, SPEC] = ['net.amp', 'net.plan', 'specs/net.yaml'];

const MODEL_TEXT = `# A small network on \`shapes\`, whose images are drawn when a run starts: nothing is to be downloaded.
# Images of your own, in a folder for each class: dataset folder("photos") { size(32) }

dataset shapes {
  normalize(mean: 0.5, std: 0.5)
}

model Net(image: dataset.shape) -> [dataset.classes] {
  image
  |> conv2d(16, kernel: 3, padding: 1) as conv1 |> batch_norm |> relu |> max_pool2d(2)
  |> conv2d(32, kernel: 3, padding: 1) as conv2 |> batch_norm |> relu |> max_pool2d(2)
  |> conv2d(64, kernel: 3, padding: 1) as conv3 |> batch_norm |> relu
  |> global_avg_pool |> linear(dataset.classes) as head
}

precision {
  compute fp16
}

train {
  optimizer adam(lr: 1e-3)
  batch 64
  epochs 3
  seed 0
}
`;

const SPEC_TEXT = `description: What must stay true of the network's plan
stage: plan
input: { file: ../${MODEL} }
expect:
  properties:
    - format: { op: conv2d, is: f16 }
    - format: { op: cross_entropy, is: f32 }
    - scaling: { kind: dynamic }
    - parameters: { at_most: 30000 }
`;

/** What keeps the plan as it was read: \`npm run plan\` writes it anew, and the change is read with everything else. */
const DIFF = `ampc plan --diff ${PLAN} ${MODEL} --backend cpu --fail-on any`;

const WORKFLOW_TEXT = `name: ampc
on: [push, pull_request]
jobs:
  plan:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: 22
      - run: npm install
      - run: npx ampc check ${MODEL}
      - run: npx ampc test ${SPEC}
      # The plan as it was last read. After a change that is meant: npm run plan, and commit ${PLAN}.
      - run: npx ${DIFF}
`;

const IGNORED = `node_modules/
runs/
`;

/** Letters of Latin alphabets that are no other letter with a mark. */
const LETTERS: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ı: 'i' };

/** What npm takes as the name of a package, from that of a folder; letters lose their accents. */
function packageName(dir: string): string {
  const name = basename(resolve(dir))
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[^\0-\x7f]/g, (letter) => LETTERS[letter] ?? letter)
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '');
  return name === '' ? 'net' : name;
}

/** Where a project gets ampc from: the registry's version, or the checkout that is at work here. */
function ownVersion(): string {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return root.split(sep).includes('node_modules') ? `^${VERSION}` : `file:${root.replace(/[/\\]$/, '')}`;
}

function packageText(dir: string): string {
  const scripts = {
    check: `ampc check ${MODEL}`,
    test: `ampc test ${SPEC}`,
    plan: `ampc plan ${MODEL} --backend cpu --dump > ${PLAN}`,
    'plan:diff': DIFF,
    train: `ampc train ${MODEL}`,
  };
  const contents = { name: packageName(dir), private: true, type: 'module', scripts, devDependencies: { ampc: ownVersion() } };
  return `${JSON.stringify(contents, undefined, 2)}\n`;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

export interface NewProject {
  readonly dir: string;
  /** Its files, from there. */
  readonly files: readonly string[];
  /** The one to train. */
  readonly model: string;
}

/**
 * Writes a project into a folder that is new, or has none of its files: a network that trains without a download, a spec of its plan, the
 * plan, package.json, and a workflow that checks them. Throws UserError AMP6209 where a file is there already; then nothing is written.
 */
export async function initProject(dir = '.'): Promise<NewProject> {
  const { plan } = await compile({ path: MODEL, text: MODEL_TEXT }, { backend: 'cpu' });
  const files: Readonly<Record<string, string>> = {
    [MODEL]: MODEL_TEXT,
    [SPEC]: SPEC_TEXT,
    [PLAN]: printPlan(plan),
    'package.json': packageText(dir),
    '.gitignore': IGNORED,
    '.github/workflows/ampc.yml': WORKFLOW_TEXT,
  };
  try {
    const there: string[] = [];
    for (const name of Object.keys(files)) if (await isThere(join(dir, name))) there.push(name);
    if (there.length > 0)
      throw userError(
        'AMP6209',
        `${dir} has ${there.join(', ')} already`,
        'ampc init overwrites nothing',
        'name another folder: ampc init DIR; or move what is there away',
      );
    for (const [name, text] of Object.entries(files)) {
      await makeFolder(dirname(join(dir, name)));
      await replaceFile(join(dir, name), text);
    }
  } catch (error) {
    if (isSystemError(error))
      throw userError('AMP6209', `cannot make a project in ${dir}`, fileReason(error), 'name another folder: ampc init DIR');
    throw error;
  }
  return { dir, files: Object.keys(files), model: MODEL };
}
