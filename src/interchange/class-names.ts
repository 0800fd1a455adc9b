/** The names of so many classes in the `classes` of a file's metadata, a list as JSON; undefined where that is something else. */
export function namesIn(text: string | undefined, count: number): readonly string[] | undefined {
  if (text === undefined) return undefined;
  try {
    const names: unknown = JSON.parse(text);
    const areNames = Array.isArray(names) && names.length === count && names.every((name) => typeof name === 'string');
    return areNames ? (names as string[]) : undefined;
  } catch {
    return undefined;
  }
}
