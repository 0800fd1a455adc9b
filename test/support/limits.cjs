// A limit ends a test that hangs, and is for nothing else: on a busy machine a test of seconds takes minutes. So the one of .mocharc.json
// holds for every test that asks for less.
const { Runnable } = require('mocha');
const { timeout: general } = require('../../.mocharc.json');

const { timeout } = Runnable.prototype;
Runnable.prototype.timeout = function (...args) {
  const [ms] = args;
  return args.length === 0 ? timeout.call(this) : timeout.call(this, Number(ms) > 0 ? Math.max(Number(ms), general) : ms);
};
