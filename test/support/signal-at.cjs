// Preloaded into a process (`--import`): when it has written AMPC_TEST_SIGNAL's text to stdout, it gets that signal, as often as it says:
// `SIGINT 2 "step":5,`. From a parent that reads the text, the signal would come when the machine has time for it.
const [, signal, times, text] = /^(\S+) (\d+) (.*)$/.exec(process.env.AMPC_TEST_SIGNAL);
const { write } = process.stdout;
let isSent = false;
process.stdout.write = function (chunk, ...rest) {
  const result = write.call(this, chunk, ...rest);
  if (!isSent && String(chunk).includes(text)) {
    isSent = true;
    for (let i = 0; i < Number(times); i += 1) process.kill(process.pid, signal);
  }
  return result;
};
