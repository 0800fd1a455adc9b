/**
 * In the browser's bundle, lodash for chevrotain: as many of its functions as that calls, for the arguments that it passes. Those of lodash
 * are a fifth of all that parses, because each takes anything for a callback, a list or a path.
 */

/** An array, or an object whose values are meant; lodash takes nothing at all for an empty one. */
type Collection = readonly unknown[] | Readonly<Record<string, unknown>> | null | undefined;
type Callback = (value: unknown, key: unknown) => unknown;

export const { isArray } = Array;
export const { assign } = Object;
export const isUndefined = (value: unknown): boolean => value === undefined;
export const isString = (value: unknown): value is string => typeof value === 'string';
export const isFunction = (value: unknown): boolean => typeof value === 'function';
export const isRegExp = (value: unknown): boolean => value instanceof RegExp;
export const isObject = (value: unknown): value is object => isFunction(value) || (typeof value === 'object' && value !== null);
export const isEmpty = (of: Collection | string): boolean => values(of as Collection).length === 0;

export const noop = (): void => undefined;
export const identity = <T>(value: T): T => value;

export const has = (of: unknown, key: string | number): boolean => of !== null && of !== undefined && Object.hasOwn(of as object, key);
export const keys = (of: Collection): string[] => Object.keys(of ?? {});
export const values = (of: Collection): readonly unknown[] => (isArray(of) ? of : Object.values(of ?? {}));

export function clone<T>(value: T): T {
  if (isArray(value)) return value.slice() as T;
  return isObject(value) ? assign(Object.create(Object.getPrototypeOf(value)), value) : value;
}

export function defaults(target: Record<string, unknown>, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  for (const key of keys(source)) if (target[key] === undefined) target[key] = source[key];
  return target;
}

/** Ends where the callback answers false. */
export function forEach(of: Collection, each: Callback): void {
  const names = isArray(of) ? undefined : keys(of);
  values(of).every((value, index) => each(value, names === undefined ? index : names[index]) !== false);
}

export function map<R>(of: Collection, each: (value: unknown, key: unknown) => R): R[] {
  const names = isArray(of) ? undefined : keys(of);
  return values(of).map((value, index) => each(value, names === undefined ? index : names[index]));
}

export function reduce<R>(of: Collection, each: (result: R, value: unknown, key: unknown) => R, first: R): R {
  let result = first;
  forEach(of, (value, key) => {
    result = each(result, value, key);
  });
  return result;
}

export const flatMap = (of: Collection, each: Callback): unknown[] => map(of, each).flat();
export const filter = (of: Collection, is: Callback): unknown[] => values(of).filter((value, index) => is(value, index));
export const reject = (of: Collection, is: Callback): unknown[] => filter(of, (value, key) => !is(value, key));
export const find = (of: Collection, is: Callback): unknown => values(of).find((value, index) => is(value, index));
export const every = (of: Collection, is: Callback): boolean => values(of).every((value, index) => is(value, index));
export const some = (of: Collection, is: Callback): boolean => values(of).some((value, index) => is(value, index));
export const includes = (of: Collection, value: unknown): boolean => values(of).includes(value);

export function pickBy(of: Readonly<Record<string, unknown>>, is: Callback): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).filter(([key, value]) => is(value, key)));
}

export function groupBy(of: Collection, keyOf: (value: unknown) => string): Record<string, unknown[]> {
  return reduce<Record<string, unknown[]>>(
    of,
    (groups, value) => {
      const key = keyOf(value);
      return { ...groups, [key]: [...(groups[key] ?? []), value] };
    },
    {},
  );
}

type List = readonly unknown[] | undefined;
export const first = (of: List): unknown => of?.[0];
export const last = (of: List): unknown => of?.at(-1);
export const drop = (of: readonly unknown[], count = 1): unknown[] => of.slice(count);
export const dropRight = (of: readonly unknown[], count = 1): unknown[] => of.slice(0, Math.max(0, of.length - count));
export const indexOf = (of: readonly unknown[], value: unknown): number => of.indexOf(value);
export const flatten = (of: List): unknown[] => (of ?? []).flat();
export const compact = (of: List): unknown[] => (of ?? []).filter(Boolean);
export const uniq = (of: List): unknown[] => [...new Set(of)];
export const difference = (of: readonly unknown[], without: readonly unknown[]): unknown[] =>
  of.filter((value) => !without.includes(value));
