import type { ValueCalibration } from '../../choose/calibration.js';
import type { CompileOptions } from '../../choose/plan-file.js';
import { type Source, UserError } from '../../diagnostics/diagnostic.js';
import { matchesGlob, matchesLayer } from '../../ir/pattern.js';
import { calibrate } from '../../measure/calibrate.js';
import { F16_LEAST_EXPONENT } from '../../precision/exponents.js';

/** How much of some values f16 may make 0 in calibration steps: from the file's seed, with its data or with `data`. */
export interface UnderflowProperty {
  /** A layer, a block or a pattern, as after `keep`: what is computed there, and gradients of what is. Default: all. */
  readonly layer?: string;
  /** `gradient of linear of fc1`; `*` stands for any text. Default: all. */
  readonly value?: string;
  /** Default `backward`. */
  readonly phase?: 'forward' | 'backward';
  /** A share of the non-zero elements, `1 %` or 0.01. */
  readonly at_most: number | string;
  /** Default 10. */
  readonly steps?: number;
  /** Loss scale; default the file's first one. */
  readonly scale?: number;
  /** Another data set, such as `shapes`, which needs no download. */
  readonly data?: string;
  readonly backend?: CompileOptions['backend'];
}

/** The layers that a value has to do with: where it is computed, and whose result or parameter it is or is the gradient of. */
function layersOf({ layer, value }: ValueCalibration): readonly string[] {
  const named = value.slice(value.lastIndexOf(' of ') + ' of '.length);
  return [layer, named, named.replace(/\.[^.]*$/, '')];
}

/** Share of the non-zero elements that f16 makes 0 at a loss scale. */
function vanishing({ exponents, phase }: ValueCalibration, scale: number): number {
  const shift = phase === 'backward' ? Math.floor(Math.log2(scale)) : 0;
  const count = (of: ValueCalibration['exponents']) => of.reduce((sum, [, elements]) => sum + elements, 0);
  const present = count(exponents);
  return present === 0 ? 0 : count(exponents.filter(([exponent]) => exponent + shift < F16_LEAST_EXPONENT - 1)) / present;
}

function shareOf(text: number | string): number | undefined {
  if (typeof text === 'number') return text;
  const percent = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  return percent === null ? undefined : Number(percent[1]) / 100;
}

/** The first few names, for who mistyped one. */
function listed(values: readonly ValueCalibration[]): string {
  const names = [...new Set(values.map(({ value }) => value))];
  return `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`;
}

/** Calibrates; what is wrong with the property, undefined when it holds. Values that the plan has in another format cannot underflow. */
export async function underflowProblem(source: Source, options: CompileOptions, property: UnderflowProperty): Promise<string | undefined> {
  const { layer, value: pattern, phase = 'backward', steps = 10, data, backend } = property;
  const limit = shareOf(property.at_most);
  if (limit === undefined) return `\`${property.at_most}\` is no share: write 1 % or 0.01`;
  const set = [...(options.set ?? []), ...(data === undefined ? [] : [`dataset=${data}`])];
  try {
    const { values, scale: first } = await calibrate(source, { ...options, set, steps, backend: backend ?? 'auto' });
    const scale = property.scale ?? first;
    const named = values.filter(
      (value) =>
        value.phase === phase &&
        (layer === undefined || layersOf(value).some((name) => matchesLayer(layer, name))) &&
        (pattern === undefined || matchesGlob(pattern, value.value)),
    );
    if (named.length === 0)
      return `it matches no value of the training step: there are ${listed(values.filter((value) => value.phase === phase))}`;
    const lost = named.filter(({ dtype }) => dtype === 'f16').map((value) => ({ value: value.value, share: vanishing(value, scale) }));
    const worst = lost.filter(({ share }) => share > limit).sort((a, b) => b.share - a.share);
    if (worst.length === 0) return undefined;
    const shares = worst.slice(0, 4).map(({ value, share }) => `${(100 * share).toFixed(2)} % of the ${value}`);
    const at = phase === 'backward' ? ` at loss scale ${scale}` : '';
    return `fp16 makes ${shares.join(', ')} 0${at}, in ${steps} calibration steps; at most ${(100 * limit).toFixed(2)} % may be`;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map(({ message, fix }) => [message, fix].filter(Boolean).join('; ')).join('; ');
  }
}
