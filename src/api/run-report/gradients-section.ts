import type { Calibration, ValueCalibration } from '../../choose/calibration.js';
import { type ExponentRow, exponentHistograms } from '../../figures/exponents.js';
import { LIMITS } from '../../numeric/formats.js';
import { formatCount, formatPercent } from '../../numeric/readable.js';
import { figureGrid, note, type PageSection } from './page.js';

/** Exponents below this become 0 in f16, by the rule of `Exponents.vanishing`. */
const LOST_BELOW = Math.log2(LIMITS.f16.smallestSubnormal) - 1;

interface LayerGradients {
  readonly row: ExponentRow;
  readonly isInF16: boolean;
  readonly overflows: boolean;
}

/** The gradients of a layer at a loss scale: those in f16, or where it has none all of them, as they would be in f16. */
function gradientsOf(layer: string, values: readonly ValueCalibration[], scale: number): LayerGradients {
  const low = values.filter(({ dtype }) => dtype === 'f16');
  const isInF16 = low.length > 0;
  const shown = isInF16 ? low : values;
  const shift = Math.floor(Math.log2(scale));
  const counts = new Map<number, number>();
  for (const { exponents } of shown)
    for (const [exponent, elements] of exponents) counts.set(exponent + shift, (counts.get(exponent + shift) ?? 0) + elements);
  const exponents = [...counts].sort(([a], [b]) => a - b);
  const all = exponents.reduce((sum, [, elements]) => sum + elements, 0);
  const lost = exponents.reduce((sum, [exponent, elements]) => sum + (exponent < LOST_BELOW ? elements : 0), 0);
  const overflows = shown.some(({ max, non_finite }) => max * scale >= LIMITS.f16.overflows || non_finite > 0);
  const share = overflows ? 'overflows' : lost === 0 ? 'none lost' : `${formatPercent(lost / all)} lost`;
  const hint = `${layer}: ${shown.map(({ value, dtype }) => `${value} (${dtype})`).join(', ')}`;
  return { row: { name: layer, exponents, says: isInF16 ? share : 'in fp32', hint }, isInF16, overflows };
}

/** The gradients of the backward pass by layer, in the order of the forward pass. */
function layersOf(values: readonly ValueCalibration[]): ReadonlyMap<string, readonly ValueCalibration[]> {
  const layers = new Map<string, ValueCalibration[]>();
  for (const value of values) {
    if (value.phase !== 'backward' || value.layer === '') continue;
    const own = layers.get(value.layer);
    if (own === undefined) layers.set(value.layer, [value]);
    else own.push(value);
  }
  return new Map([...layers].reverse());
}

/** How large gradients are as they are computed at a loss scale: what f16 makes 0, and what it cannot hold. */
export function gradientsSection({ values, steps, batch, advice }: Calibration, scale: number): PageSection {
  const layers = [...layersOf(values)].map(([layer, own]) => gradientsOf(layer, own, scale));
  const figure = exponentHistograms(
    'Exponents of gradients',
    layers.map(({ row }) => row),
  );
  const low = layers.filter(({ isInF16 }) => isInF16);
  const broken = low.filter(({ overflows }) => overflows).map(({ row }) => row.name);
  const largest = advice?.largest;
  const said = [
    `At loss scale ${formatCount(scale)}, in ${steps === 1 ? 'a step' : `${steps} steps`} of ${batch} images, measured in fp32.`,
    broken.length > 0 ? `What overflows fp16: gradients of ${broken.join(', ')}.` : undefined,
    largest && `Nothing overflows here up to scale ${formatCount(largest.scale)}, at which ${formatPercent(largest.lost)} are lost.`,
    low.length === 0 ? 'No gradient is in fp16, so that nothing is lost.' : undefined,
  ];
  return {
    id: 'gradients',
    title: 'Gradients in fp16',
    content: [
      note(said.filter((words) => words !== undefined).join(' ')),
      figure === undefined ? note('No layer has gradients.') : figureGrid([{ name: 'gradients', figure }]),
    ],
  };
}
