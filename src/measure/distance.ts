/** Sums of terms with signs by chance are about as large as the norm of the terms. */
const CANCELLED = 1 / 16;

/** How far a value is from the same value in fp32. */
export interface Distance {
  /** |a - b| / |b| by the Euclidean norm; where `cancels`, by a share of the norm of the terms in place of |b|. */
  readonly error: number;
  readonly cosine: number;
  /** Elements that are not finite. */
  readonly nonFinite: number;
  /** Elements that are not finite in fp32: where there are some, the formats are not what is wrong. */
  readonly fp32NonFinite: number;
  /** Share of the elements that are 0 here and not in fp32. */
  readonly vanished: number;
  /**
   * A sum whose terms cancel: that of fp32 is far below their norm. Where it is 0 but for roundings, as the gradient of a bias before a
   * norm, its own size and direction say nothing.
   */
  readonly cancels: boolean;
}

function norm(values: Float32Array): number {
  let square = 0;
  for (let i = 0; i < values.length; i += 1) square += values[i]! ** 2;
  return Math.sqrt(square);
}

/** `scale` is divided out of `found` first. `terms`: what `wanted` is the sum of, where it is one. */
export function distance(found: Float32Array, wanted: Float32Array, scale: number, terms?: Float32Array): Distance {
  let [difference, square, foundSquare, product, nonFinite, fp32NonFinite, vanished] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < wanted.length; i += 1) {
    const [a, b] = [found[i] / scale, wanted[i]];
    if (!Number.isFinite(b)) fp32NonFinite += 1;
    if (!Number.isFinite(a)) nonFinite += 1;
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    if (a === 0 && b !== 0) vanished += 1;
    difference += (a - b) ** 2;
    square += b * b;
    foundSquare += a * a;
    product += a * b;
  }
  const counts = { nonFinite, fp32NonFinite, vanished: vanished / wanted.length, cancels: false };
  const least = terms === undefined ? 0 : CANCELLED * norm(terms);
  if (nonFinite + fp32NonFinite === 0 && Math.sqrt(square) < least)
    return { ...counts, error: Math.sqrt(difference) / least, cosine: 1, vanished: 0, cancels: true };
  if (nonFinite + fp32NonFinite > 0) return { error: Number.POSITIVE_INFINITY, cosine: 0, ...counts };
  // Two zero vectors agree.
  const error = difference === 0 ? 0 : Math.sqrt(difference / square);
  const cosine = difference === 0 ? 1 : product / Math.sqrt(square * foundSquare) || 0;
  return { error, cosine, ...counts };
}

/** The worse of each, of two steps. */
export function worse(a: Distance | undefined, b: Distance): Distance {
  if (a === undefined) return b;
  return {
    error: Math.max(a.error, b.error),
    cosine: Math.min(a.cosine, b.cosine),
    nonFinite: Math.max(a.nonFinite, b.nonFinite),
    fp32NonFinite: Math.max(a.fp32NonFinite, b.fp32NonFinite),
    vanished: Math.max(a.vanished, b.vanished),
    cancels: a.cancels || b.cancels,
  };
}
