/** With AMPC_TEST_LONG=1, tests of random cases take many of them: for a night, or after a change of what they test. */
export const IS_LONG = process.env.AMPC_TEST_LONG === '1';

/** How many random cases a test takes: always the first ones, more by wish. */
export function amount(usual: number, long: number): number {
  return IS_LONG ? long : usual;
}
