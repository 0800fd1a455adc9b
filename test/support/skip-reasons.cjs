// With `--parallel` the reporter is in another process than the tests: why a test was skipped goes there with the test.
const { Test } = require('mocha');

const { serialize } = Test.prototype;
Test.prototype.serialize = function () {
  return { ...serialize.call(this), skipReason: this.skipReason ?? this.parent?.skipReason };
};
