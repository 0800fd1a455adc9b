/** Sets or (with undefined) clears environment variables until the test ends. */
export function environment<Name extends string>(
  names: readonly Name[],
): (values: Readonly<Partial<Record<Name, string | undefined>>>) => void {
  let before: Record<string, string | undefined> = {};
  const put = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  beforeEach(() => {
    before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  });
  afterEach(() => {
    for (const name of names) put(name, before[name]);
  });
  return (values) => {
    for (const [name, value] of Object.entries(values)) put(name, value as string | undefined);
  };
}
