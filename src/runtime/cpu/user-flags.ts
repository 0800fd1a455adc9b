/** What `AMPC_CFLAGS` has the compiler told after ampc's own flags, so that it counts: `-O1`, `-g`. */
export function userFlags({ AMPC_CFLAGS }: NodeJS.ProcessEnv = process.env): readonly string[] {
  return (AMPC_CFLAGS ?? '').split(/\s+/).filter((flag) => flag !== '');
}
