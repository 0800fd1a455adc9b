import { compileProgram } from '../../src/compile.js';
import type { Program } from '../../src/ir/program.js';
import { partOf, type Ranks } from '../../src/ir/ranks.js';
import { lowerProgram } from '../../src/lower/lower.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable, Inputs } from '../../src/runtime/backend.js';
import type { Collectives } from '../../src/runtime/collectives.js';
import { createBackend } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import { namedRandom } from '../ops/random.js';
import { ranksInProcess } from './in-process.js';

export interface Choices {
  readonly batch: number;
  readonly accumulate?: number;
  readonly norm?: string;
  readonly dropout?: string;
  readonly precision?: string;
  readonly data?: string;
}

export const BATCH = 8;
export const STEPS = 3;

const DATASET = 'normalize(mean: 0.5, std: 0.25)';

function sourceText({ batch, accumulate = 1, norm = '', dropout = '', precision = 'fp16', data = DATASET }: Choices): string {
  return `dataset shapes { size(8) ${data} }
model Tiny(image: [8, 8, 3]) -> [10] {
  image |> conv2d(4, kernel: 3, stride: 2)${norm} |> relu |> flatten${dropout} |> linear(10)
}
precision { compute ${precision} }
train { optimizer sgd(lr: 0.1, momentum: 0.9) batch ${batch} accumulate ${accumulate} clip 0.5 seed 3 drop_last true }
`;
}

export function programOf(choices: Choices, ranks?: Ranks): Program {
  const source = { path: 'tiny.amp', text: sourceText(choices) };
  return lowerProgram(source, { images: STEPS * BATCH, ...(ranks && { ranks }) });
}

export function planOf(choices: Choices, ranks?: Ranks): Plan {
  return compileProgram(programOf(choices, ranks), defaultTarget('reference'));
}

export interface Images {
  readonly image: Uint8Array;
  readonly label: Int32Array;
}

/** Elements of an image. */
export const PIXELS = 192;

/** Images and labels of all steps. */
function drawn(): Images {
  const random = namedRandom('ranks', 1);
  return {
    image: Uint8Array.from({ length: STEPS * BATCH * PIXELS }, () => random.int(0, 255)),
    label: Int32Array.from({ length: STEPS * BATCH }, () => random.int(0, 9)),
  };
}

export const DATA = drawn();

export function inputsOf(plan: Plan, fn: string, from: number, count: number, step: number, { image, label } = DATA): Inputs {
  const known: Inputs = {
    image: count === 0 ? new Uint8Array(2 * PIXELS) : image.slice(from * PIXELS, (from + count) * PIXELS),
    label: count === 0 ? Int32Array.of(-1, -1) : label.slice(from, from + count),
    lr: Float32Array.of(0.1),
    step: Int32Array.of(step),
  };
  const { graph } = plan.functions.find(({ name }) => name === fn)!;
  const names = graph.nodes.filter(({ op }) => op === 'input').map(({ attrs }) => String(attrs.name));
  return Object.fromEntries(names.map((name) => [name, known[name]!]));
}

export async function trained(plan: Plan, peers: Collectives | undefined, run: (executable: Executable) => Promise<void>) {
  const executable = await createBackend().load(plan, { peers });
  await executable.writeStates(initialStates(plan, 3));
  await run(executable);
  return { states: await executable.readStates(), scalars: await executable.drain() };
}

/** Every rank's states and what it reports. */
export function onRanks(count: number, choices: Choices, { data = DATA, ranks = ranksInProcess(count) } = {}) {
  return Promise.all(
    ranks.map((peers, rank) => {
      const plan = planOf(choices, { count, rank });
      return trained(plan, peers, async (executable) => {
        for (let step = 0; step < STEPS; step++) {
          const part = partOf(BATCH, { count, rank });
          await executable.call('train_step', inputsOf(plan, 'train_step', step * BATCH + part.from, part.images, step, data));
        }
      });
    }),
  );
}
