/** Methods of arrays that look at every element. */
const METHODS = [
  'concat',
  'every',
  'filter',
  'find',
  'findIndex',
  'findLast',
  'flat',
  'flatMap',
  'forEach',
  'includes',
  'indexOf',
  'join',
  'map',
  'reduce',
  'reverse',
  'slice',
  'some',
  'sort',
  'splice',
] as const;

/** Elements of arrays that `work` goes over, by loops and by methods: a measure of its work that does not depend on the machine. */
export function elementsVisited(work: () => void): number {
  let visited = 0;
  const own = new Map<string | symbol, PropertyDescriptor>();
  for (const name of [...METHODS, Symbol.iterator] as const) {
    const descriptor = Object.getOwnPropertyDescriptor(Array.prototype, name)!;
    own.set(name, descriptor);
    const method = descriptor.value as (...args: unknown[]) => unknown;
    const counting = function (this: unknown[], ...args: unknown[]): unknown {
      visited += this.length;
      return Reflect.apply(method, this, args);
    };
    Object.defineProperty(Array.prototype, name, { ...descriptor, value: counting });
  }
  try {
    work();
  } finally {
    for (const [name, descriptor] of own) Object.defineProperty(Array.prototype, name, descriptor);
  }
  return visited;
}
