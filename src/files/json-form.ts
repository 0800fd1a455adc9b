/** Whether a value that was read from JSON has a form. */
export type Check = (value: unknown) => boolean;

export const isNumber: Check = (value) => typeof value === 'number';
export const isText: Check = (value) => typeof value === 'string';
export const isBoolean: Check = (value) => typeof value === 'boolean';

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

export const oneOf =
  (names: readonly string[]): Check =>
  (value) =>
    names.includes(value as string);

export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

export const recordOf =
  (check: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(check);

/** The first key that does not have the form it should have; others than these may be there. */
export function wrongField(value: Readonly<Record<string, unknown>>, checks: Readonly<Record<string, Check>>): string | undefined {
  return Object.entries(checks).find(([key, check]) => !check(Object.hasOwn(value, key) ? value[key] : undefined))?.[0];
}

/** An object with these keys; others may be there. */
export const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && wrongField(value, checks) === undefined;
