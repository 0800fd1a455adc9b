#!/usr/bin/env node
import { reportFailure } from './failure.js';
import { quitOnSignals } from './interrupt.js';
import { Output } from './output.js';
import { runCommandLine } from './run.js';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

// Errors from timers and native callbacks belong to no command.
process.on('uncaughtException', (error) => process.exit(reportFailure(error, new Output(false))));

quitOnSignals();

process.exitCode = await runCommandLine(process.argv.slice(2));
