import { LIMITS } from '../numeric/formats.js';
import type { Exponents } from './exponents.js';

/** Powers of two that are tried: f32 could hold more, but GradScaler's default ends far below. */
const MOST = 24;
const LEAST = -24;

export interface ScaleChoice {
  readonly scale: number;
  /** Share of the non-zero elements of f16 gradients that become 0 at this scale. */
  readonly lost: number;
}

export interface ScaleAdvice {
  /** The largest measured gradient in f16, without loss scale. */
  readonly largestGradient: number;
  /** The largest power of two at which no measured gradient overflows f16; undefined when none is small enough. */
  readonly largest: ScaleChoice | undefined;
  /** The smallest power of two that loses no more than the largest: the one with the most room. */
  readonly best: ScaleChoice | undefined;
}

/** The measured magnitudes of a gradient, and what a value in training is of a measured one. */
export interface MeasuredGradient {
  readonly exponents: Exponents;
  readonly factor: number;
}

/** Share of non-zero elements that f16 makes 0 at a scale. */
export function lostShare(gradients: readonly MeasuredGradient[], scale: number): number {
  const present = gradients.reduce((sum, { exponents }) => sum + exponents.present, 0);
  const vanishing = (g: MeasuredGradient) => g.exponents.vanishing(Math.floor(Math.log2(scale * g.factor)));
  return present === 0 ? 0 : gradients.reduce((sum, gradient) => sum + vanishing(gradient), 0) / present;
}

/** What becomes of f16 gradients at a loss scale. */
export interface ScaleEffect extends ScaleChoice {
  /** Gradients, of those that were measured, with an element that overflows. */
  readonly overflowing: number;
}

/** At every power of two that `adviseScale` considers from 1 on. */
export function scaleEffects(gradients: readonly MeasuredGradient[]): readonly ScaleEffect[] {
  if (gradients.length === 0) return [];
  return Array.from({ length: MOST + 1 }, (_, power): ScaleEffect => {
    const scale = 2 ** power;
    const overflowing = gradients.filter(({ exponents, factor }) => exponents.max * factor * scale >= LIMITS.f16.overflows).length;
    return { scale, lost: lostShare(gradients, scale), overflowing };
  });
}

/** What loss scale gradients in f16, measured without one, call for. Undefined when there are none. */
export function adviseScale(gradients: readonly MeasuredGradient[]): ScaleAdvice | undefined {
  if (gradients.length === 0) return undefined;
  const largestGradient = Math.max(...gradients.map(({ exponents, factor }) => exponents.max * factor));
  let exponent = MOST;
  while (exponent >= LEAST && largestGradient * 2 ** exponent >= LIMITS.f16.overflows) exponent -= 1;
  if (exponent < LEAST) return { largestGradient, largest: undefined, best: undefined };
  const choice = (power: number): ScaleChoice => ({ scale: 2 ** power, lost: lostShare(gradients, 2 ** power) });
  const largest = choice(exponent);
  let best = largest;
  for (let power = exponent - 1; power >= LEAST; power -= 1) {
    const smaller = choice(power);
    if (smaller.lost > largest.lost) break;
    best = smaller;
  }
  return { largestGradient, largest, best };
}
