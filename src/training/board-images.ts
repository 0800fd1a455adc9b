import type { BoardValue } from '../interchange/tensorboard/schema.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import type { Dataset } from './data/dataset.js';
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
  const { isPicture, setPicture } = await import('./data/set-picture.js');
  if (!isPicture(test.shape)) return [];
  const collector = new DetailCollector(graph.nodes[graph.outputs.logits!]!.type.shape.at(-1)!, probabilitiesBy(graph), SHOWN);
  const result = await evaluate(executable, plan, test, { signal, onResult: (values, index) => collector.add(values, index, test) });
  if (result === undefined) return [];
  const nameOf = (label: number) => classes[label] ?? String(label);
  const values: BoardValue[] = [];
  for (const [place, mistake] of collector.details(classes).worst.entries()) {
    const { index, file, label, predicted, probability, label_probability } = mistake;
    const encodedImageString = await setPicture(test, index);
    const where = file ?? `test image ${test.numbers?.[index] ?? index}`;
    values.push({
      tag: `mistakes/${String(place + 1).padStart(2, '0')}`,
      metadata: {
        pluginData: { pluginName: 'images' },
        displayName: `${nameOf(label)} taken for ${nameOf(predicted)}`,
        summaryDescription: `${where}: ${nameOf(label)} ${percent(label_probability)}, ${nameOf(predicted)} ${percent(probability)}`,
      },
      image: { height, width, colorspace: channels, encodedImageString },
    });
  }
  return values;
}
