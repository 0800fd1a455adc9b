// Mocha's spec output, then the reason of every skipped test and one closing line `N passed, N failed, N skipped` for the CI host.
const { reporters } = require('mocha');

module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const reasons = new Map();
    runner.on('pending', (test) => {
      const reason = test.skipReason ?? test.parent?.skipReason ?? 'no reason given: use skip() of test/support/skip.ts';
      reasons.set(reason, [...(reasons.get(reason) ?? []), test.fullTitle()]);
    });
    runner.once('end', () => {
      for (const [reason, titles] of reasons) {
        console.log(`skipped: ${reason}`);
        for (const title of titles) console.log(`  - ${title}`);
      }
      const { passes, failures, pending } = runner.stats;
      console.log(`\n${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }
};
