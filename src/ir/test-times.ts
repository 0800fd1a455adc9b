/** When a run looks at its test images: behind every so many epochs, and in any case at its end. */
export type TestTimes = { readonly kind: 'every'; readonly epochs: number } | { readonly kind: 'end' };

/** Whether that of an epoch, counted from 1, is one, as long as the run does not end with it. Left out: behind each. */
export function isTested(times: TestTimes | undefined, epoch: number): boolean {
  if (times === undefined) return true;
  return times.kind === 'every' && epoch % times.epochs === 0;
}

/** How many there are behind the epochs that follow `done` ones, to the end of a run of so many. */
export function testsLeft(times: TestTimes | undefined, done: number, epochs: number): number {
  const left = Math.max(0, epochs - done);
  if (times === undefined || left === 0) return left;
  if (times.kind === 'end') return 1;
  const before = Math.floor((epochs - 1) / times.epochs) - Math.floor(done / times.epochs);
  return 1 + Math.max(0, before);
}
