import { isState } from '../../ir/structure.js';
import { trainStep } from '../../plan/facts.js';
import type { Plan } from '../../plan/plan.js';
import { readSafetensors } from '../../training/safetensors.js';

/** More filters than this are not shown. */
const MOST = 64;

export interface Filters {
  /** Of the parameter. */
  readonly name: string;
  readonly count: number;
  /** The first of them as PNG, each stretched to its own range. */
  readonly pictures: readonly Uint8Array[];
}

/** The first weights that are filters over pictures: [height, width, channels, filters] with one channel or three. */
function filterName(plan: Plan): string | undefined {
  const state = trainStep(plan).graph.nodes.find((node) => {
    const { shape } = node.type;
    return isState(node) && node.attrs.role === 'parameter' && shape.length === 4 && (shape[2] === 1 || shape[2] === 3) && shape[0]! > 1;
  });
  return state && String(state.attrs.name);
}

/**
 * What the first convolution of a network looks for; undefined where it has none that reads pictures. Throws UserError as
 * `readSafetensors`.
 */
export async function firstFilters(plan: Plan, weights: string): Promise<Filters | undefined> {
  const name = filterName(plan);
  if (name === undefined) return undefined;
  const tensor = (await readSafetensors(weights, { wanted: new Set([name]) })).tensors.get(name);
  if (tensor === undefined) return undefined;
  const [height = 0, width = 0, channels = 0, count = 0] = tensor.shape;
  const pixels = height * width * channels;
  // Picture files need a library that takes long to load.
  const { encodePng } = await import('../../training/data/picture.js');
  const pictures: Uint8Array[] = [];
  for (let filter = 0; filter < Math.min(count, MOST); filter++) {
    const values = Array.from({ length: pixels }, (_, at) => Number(tensor.data[at * count + filter]));
    const low = Math.min(...values);
    const range = Math.max(...values) - low;
    const bytes = Uint8Array.from(values, (value) => (range === 0 ? 128 : Math.round((255 * (value - low)) / range)));
    pictures.push(await encodePng(bytes, [height, width, channels]));
  }
  return { name, count, pictures };
}
