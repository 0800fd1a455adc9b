import { rendered, type StageOptions, type Stages } from '../src/api/spec/spec.js';
import { SPEC_STAGES } from '../src/api/spec/stages.js';
import type { Source } from '../src/diagnostics/diagnostic.js';
import { printGraph } from '../src/ir/print.js';
import { lowerProgram } from '../src/lower/lower.js';
import type { Overrides } from '../src/lower/overrides.js';
import { parseAmp } from '../src/parser/parse.js';
import { printAst } from './support/print-ast.js';
import { type Case, disagreement, type LossFixture, load, readFixture, train } from './training/support/pytorch.js';

function lowerOptions(options: StageOptions): { readonly batch?: number; readonly overrides?: Overrides } {
  return { batch: options.batch as number | undefined, overrides: options.overrides as Overrides | undefined };
}

interface LossOptions extends Pick<Case, 'backend' | 'precision'> {
  /** The fixture with PyTorch's losses, named from the repository's root. */
  readonly losses: string;
  readonly share: number;
  /** Relative, of every loss and of the first. */
  readonly tolerance: number;
  readonly first: number;
}

/** Trains from the weights and on the images that PyTorch had; how its losses compare. */
async function compareLosses(source: Source, options: StageOptions): Promise<string> {
  const { losses, share, tolerance, first, backend, precision } = options as unknown as LossOptions;
  const { batch, steps, runs } = readFixture<LossFixture>(losses);
  const expected = runs.find((run) => run.precision === precision && run.share === share);
  if (expected === undefined) throw new Error(`${losses} has no run in ${precision} with a class share of ${share}`);
  const one: Case = { source, backend, precision, policy: 'mixed', batch, lr: 1e-3 };
  const executable = await load(one);
  const results = await train(executable, one, share, steps);
  await executable.dispose();
  const found = results.map(({ loss }) => loss ?? Number.NaN);
  const problem = disagreement('loss', found, expected.losses, tolerance, first);
  if (problem !== undefined) return `${problem}\n`;
  const skipped = results.filter(({ ok }) => ok === 0).length;
  const scales = [...new Set(results.map(({ scale }) => scale ?? 1))].join(', ');
  const bounds = `${found.length} losses within ${tolerance} of PyTorch's, the first within ${first}`;
  return `${bounds}; loss scale ${scales}, ${skipped === 0 ? 'no step' : skipped} skipped\n`;
}

/** One line for each setting: `train.optimizer.lr = 0.1`. */
function leaves(value: object, path = ''): string[] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    const isLeaf = typeof part !== 'object' || part === null || Array.isArray(part);
    return isLeaf ? [`${path}${key} = ${JSON.stringify(part)}\n`] : leaves(part, `${path}${key}.`);
  });
}

/** What a spec's `stage` runs: the stages of `ampc test`, and those that show what lies between. */
export const STAGES: Stages = {
  ...SPEC_STAGES,
  /** The tree, or the syntax errors. */
  parse: {
    run: (source) => {
      const { file, diagnostics } = parseAmp(source.text);
      return { text: diagnostics.length > 0 ? rendered(diagnostics, source) : printAst(file.sections), diagnostics };
    },
  },
  /** The forward graph as trained, or as evaluated with `mode: eval`; `recipe: true` gives the settings instead. */
  lower: {
    run: (source, options) => {
      const program = lowerProgram(source, lowerOptions(options));
      if (options.recipe === true) return { text: leaves(program.recipe).join(''), value: program };
      return { text: printGraph(options.mode === 'eval' ? program.eval : program.train), value: program };
    },
  },
  /** A training run against PyTorch's. */
  train: { run: async (source, options) => ({ text: await compareLosses(source, options) }) },
};
