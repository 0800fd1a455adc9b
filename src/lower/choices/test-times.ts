import type { TestTimes } from '../../ir/test-times.js';
import { type Words, word } from '../setting.js';

export const TEST_TIMES = {
  every: word(
    'behind every so many epochs, and at the end of the run',
    { epochs: { kind: 'int', min: 1, max: 1_000_000, doc: 'from one test to the next; 1 is as without the setting' } },
    ({ epochs }) => ({ kind: 'every', epochs }),
  ),
  end: word('once, at the end of the run', {}, () => ({ kind: 'end' })),
} satisfies Words<TestTimes>;
