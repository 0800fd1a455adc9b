/**
 * The first of `count` positions for which `holds` is true, where it is true for all behind that one; `count` where it is true for none.
 */
export function firstPosition(count: number, holds: (position: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
