import { rendered, type StageOptions, type Stages } from '../src/api/spec/spec.js';
import { SPEC_STAGES } from '../src/api/spec/stages.js';
import { printGraph } from '../src/ir/print.js';
import { lowerProgram } from '../src/lower/lower.js';
import type { Overrides } from '../src/lower/overrides.js';
import { parseAmp } from '../src/parser/parse.js';
import { printAst } from './support/print-ast.js';

function lowerOptions(options: StageOptions): { readonly batch?: number; readonly overrides?: Overrides } {
  return { batch: options.batch as number | undefined, overrides: options.overrides as Overrides | undefined };
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
};
