/** One line of a comparison: in both texts, only in the first, or only in the second. */
export interface DiffLine {
  readonly kind: 'same' | 'removed' | 'added';
  readonly text: string;
}

/** Value numbers shift when one instruction is added; the rest of the line says what the instruction is. */
function withoutNumbers(line: string): string {
  return line.replace(/%\d+/g, '%');
}

/**
 * Furthest x reached on each diagonal k = x - y after `distance` edits, for k in -distance-1 .. distance+1.
 * Kept small on purpose: one array per distance is what the way back needs.
 */
type Reach = (k: number) => number;

function window(reach: Int32Array, origin: number, distance: number): Reach {
  const kept = reach.slice(origin - distance - 1, origin + distance + 2);
  return (k) => kept[k + distance + 1]!;
}

function stepsDown(reach: Reach, k: number, distance: number): boolean {
  return k === -distance || (k !== distance && reach(k - 1) < reach(k + 1));
}

/**
 * Compares two plans' texts line by line with the value numbers left out: a shortest edit script (Myers 1986, O(ND)).
 * Lines that are the same but for numbers are shown as in the second text.
 */
export function diffLines(a: readonly string[], b: readonly string[]): DiffLine[] {
  const left = a.map(withoutNumbers);
  const right = b.map(withoutNumbers);
  const origin = left.length + right.length + 1;
  const reach = new Int32Array(2 * origin + 1);
  const trace: Reach[] = [];
  search: for (let distance = 0; ; distance += 1) {
    const before = window(reach, origin, distance);
    trace.push(before);
    for (let k = -distance; k <= distance; k += 2) {
      let x = stepsDown(before, k, distance) ? before(k + 1) : before(k - 1) + 1;
      while (x < left.length && x - k < right.length && left[x] === right[x - k]) x += 1;
      reach[origin + k] = x;
      if (x >= left.length && x - k >= right.length) break search;
    }
  }
  return walkBack(a, b, trace);
}

function walkBack(a: readonly string[], b: readonly string[], trace: readonly Reach[]): DiffLine[] {
  const lines: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let distance = trace.length - 1; distance >= 0; distance -= 1) {
    const reach = trace[distance]!;
    const k = x - y;
    const down = stepsDown(reach, k, distance);
    const startX = distance === 0 ? 0 : reach(down ? k + 1 : k - 1);
    const startY = distance === 0 ? 0 : startX - (down ? k + 1 : k - 1);
    while (x > startX && y > startY) {
      x -= 1;
      y -= 1;
      lines.push({ kind: 'same', text: b[y]! });
    }
    if (distance === 0) break;
    if (down) {
      y -= 1;
      lines.push({ kind: 'added', text: b[y]! });
    } else {
      x -= 1;
      lines.push({ kind: 'removed', text: a[x]! });
    }
  }
  return lines.reverse();
}
