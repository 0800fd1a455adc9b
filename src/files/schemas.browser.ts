/** The checker of schemas is as large as half of ampc; what a page reads here, ampc wrote. */
export const schemaProblem = (_name: string, value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? undefined : 'it is no object';
