import type { Context } from 'mocha';

interface Reasoned {
  readonly type?: string;
  readonly parent?: Mocha.Suite;
  skipReason?: string;
}

/** Skips the running test, or every test of the suite when called in a hook; the reporter prints the reason. */
export function skip(context: Context, reason: string): never {
  const running = context.test as Reasoned | undefined;
  if (running?.type === 'hook') {
    running.parent?.eachTest((test) => {
      (test as Reasoned).skipReason = reason;
    });
  } else if (running !== undefined) {
    running.skipReason = reason;
  }
  return context.skip();
}
