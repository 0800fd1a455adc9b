#!/usr/bin/env node
import { EXIT, outputFailure, reportFailure } from './failure.js';
import { endByHangup, quitOnSignals } from './interrupt.js';
import { Output } from './output.js';
import { runCommandLine } from './run.js';
import { StandardStream } from './standard-stream.js';

const stderr = new StandardStream(process.stderr, fail);
const stdout = new StandardStream(process.stdout, (error) => {
  reportFailure(outputFailure(error), new Output(false, stderr, stderr));
  fail();
});

let outputIsLost = false;

/** Errors of a stream come late: also after the command's end. */
function fail(): void {
  outputIsLost = true;
  process.exitCode ||= EXIT.failed;
}

// Errors from timers and native callbacks belong to no command.
process.on('uncaughtException', (error) => process.exit(reportFailure(error, new Output(false, stdout, stderr))));

quitOnSignals();

const code = await runCommandLine(process.argv.slice(2), stdout, stderr);
process.exitCode = outputIsLost ? code || EXIT.failed : code;
endByHangup(code);
