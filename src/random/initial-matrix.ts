/**
 * A matrix [rows, columns], row-major, with orthonormal columns, or rows where these are fewer: the orthogonal part of a matrix of normal
 * numbers, so that all such matrices are equally likely (Mezzadri 2007). Gram-Schmidt, each vector twice, so that it is orthogonal to
 * rounding.
 */
export function orthogonal(rows: number, columns: number, normal: (index: number) => number): Float32Array {
  const tall = rows >= columns;
  const [count, length] = tall ? [columns, rows] : [rows, columns];
  const vectors = Array.from({ length: count }, (_, v) => Float64Array.from({ length }, (__, i) => normal(v * length + i)));
  for (const [v, vector] of vectors.entries()) {
    for (let pass = 0; pass < 2; pass += 1) {
      for (const before of vectors.slice(0, v)) {
        let product = 0;
        for (let i = 0; i < length; i += 1) product += vector[i]! * before[i]!;
        for (let i = 0; i < length; i += 1) vector[i]! -= product * before[i]!;
      }
      const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
      for (let i = 0; i < length; i += 1) vector[i]! /= norm;
    }
  }
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return tall ? vectors[column]![row]! : vectors[row]![column]!;
  });
}

/** The number of an output within its group, of element `index` of a weight [..., in, out]. */
function channelOf(index: number, shape: readonly number[], groups: number): number {
  const outputs = shape.at(-1)!;
  return (index % outputs) % (outputs / groups);
}

/** Whether the output of element `index` of a weight [..., in, out] has an input to pass on. */
export function passesOn(index: number, shape: readonly number[], groups: number): boolean {
  return channelOf(index, shape, groups) < shape.at(-2)!;
}

/**
 * Whether element `index` of a weight [..., in, out] passes a channel on: in the middle of the window, from input d of a group to its
 * output d.
 */
export function diracAt(index: number, shape: readonly number[], groups: number): boolean {
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  let rest = Math.floor(index / outputs);
  if (rest % inputs !== channelOf(index, shape, groups)) return false;
  rest = Math.floor(rest / inputs);
  for (const size of shape.slice(0, -2).reverse()) {
    if (rest % size !== size >>> 1) return false;
    rest = Math.floor(rest / size);
  }
  return true;
}
