/** Rotations of all pairs, over and over; a symmetric matrix is diagonal to rounding after fewer. */
const MOST_SWEEPS = 60;

/** What `eigenOf` finds: values from the largest to the smallest, and unit vectors, one a row, in the same order. */
export interface Eigen {
  readonly values: readonly number[];
  readonly vectors: readonly Float64Array[];
}

/** Turns the plane of axes `p` and `q` so that element (p, q) becomes 0 (Golub and Van Loan, Matrix Computations, 8.5). */
function rotate(matrix: readonly Float64Array[], vectors: readonly Float64Array[], p: number, q: number): void {
  const [row, other] = [matrix[p]!, matrix[q]!];
  const off = row[q]!;
  if (off === 0) return;
  const tau = (other[q]! - row[p]!) / (2 * off);
  const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const cosine = 1 / Math.sqrt(1 + tangent * tangent);
  const sine = tangent * cosine;
  const turn = (a: Float64Array, i: number, b: Float64Array, j: number): void => {
    const [x, y] = [a[i]!, b[j]!];
    a[i] = cosine * x - sine * y;
    b[j] = sine * x + cosine * y;
  };
  for (const line of matrix) turn(line, p, line, q);
  for (let i = 0; i < row.length; i += 1) turn(row, i, other, i);
  for (let i = 0; i < row.length; i += 1) turn(vectors[p]!, i, vectors[q]!, i);
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix, row-major, by cyclic Jacobi rotations: the same bits wherever doubles are IEEE's.
 * Of each vector and its negative the one is taken whose element of largest magnitude (the first of several) is positive.
 */
export function eigenOf(symmetric: ArrayLike<number>): Eigen {
  const size = Math.round(Math.sqrt(symmetric.length));
  const matrix = Array.from({ length: size }, (_, i) => Float64Array.from({ length: size }, (__, j) => symmetric[i * size + j]!));
  const vectors = matrix.map((_, i) => Float64Array.from({ length: size }, (__, j) => Number(i === j)));
  const norm = (isIn: (i: number, j: number) => boolean): number =>
    Math.sqrt(matrix.reduce((sum, row, i) => sum + row.reduce((part, x, j) => part + (isIn(i, j) ? x * x : 0), 0), 0));
  const smallest = Number.EPSILON * norm(() => true);
  for (let sweep = 0; sweep < MOST_SWEEPS && norm((i, j) => i !== j) > smallest; sweep += 1)
    for (let p = 0; p < size; p += 1) for (let q = p + 1; q < size; q += 1) rotate(matrix, vectors, p, q);
  const order = matrix.map((_, i) => i).sort((a, b) => matrix[b]![b]! - matrix[a]![a]! || a - b);
  return { values: order.map((i) => matrix[i]![i]!), vectors: order.map((i) => withSign(vectors[i]!)) };
}

function withSign(vector: Float64Array): Float64Array {
  const largest = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
  return largest < 0 ? vector.map((x) => -x) : vector;
}
