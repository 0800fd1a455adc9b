import type { BoardValue } from '../interchange/tensorboard/schema.js';
import { elementCount } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { type Dataset, placeOf } from './data/dataset.js';
import { evaluate } from './evaluate.js';
import { DetailCollector } from './evaluation-details.js';
import { probabilitiesBy } from './probabilities.js';
import { findFunction } from './states.js';

const SHOWN = 16;

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** The worst mistakes on the test images, as `ampc eval` finds them, with what they were taken for; none when interrupted. */
export async function mistakeImages(
  executable: Executable,
  plan: Plan,
  { test, classes }: Dataset,
  signal: AbortSignal | undefined,
): Promise<readonly BoardValue[]> {
  const { graph } = findFunction(plan, 'eval_step')!;
  const [height = 0, width = 0, channels = 0] = test.shape;
  // Pictures have no more channels than that.
  if (channels > 4) return [];
  const collector = new DetailCollector(graph.nodes[graph.outputs.logits!]!.type.shape.at(-1)!, probabilitiesBy(graph), SHOWN);
  const result = await evaluate(executable, plan, test, { signal, onResult: (values, index) => collector.add(values, index, test) });
  if (result === undefined) return [];
  const { encodePng } = await import('./data/picture.js');
  const bytes = elementCount(test.shape);
  const nameOf = (label: number) => classes[label] ?? String(label);
  const values: BoardValue[] = [];
  for (const [place, mistake] of collector.details(classes).worst.entries()) {
    const { index, file, label, predicted, probability, label_probability } = mistake;
    await test.supply?.hold(Uint32Array.of(index), () => new Uint32Array(0));
    const at = placeOf(test, index) * bytes;
    const encodedImageString = await encodePng(test.images.subarray(at, at + bytes), test.shape);
    const where = file ?? `test image ${index}`;
    values.push({
      tag: `mistakes/${String(place + 1).padStart(2, '0')}`,
      metadata: {
        displayName: `${nameOf(label)} taken for ${nameOf(predicted)}`,
        summaryDescription: `${where}: ${nameOf(label)} ${percent(label_probability)}, ${nameOf(predicted)} ${percent(probability)}`,
      },
      image: { height, width, colorspace: channels, encodedImageString },
    });
  }
  return values;
}
