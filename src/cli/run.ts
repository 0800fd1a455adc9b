import { Command, CommanderError } from 'commander';
import { VERSION } from '../index.js';
import { addBackends } from './commands/backends.js';
import { addBench } from './commands/bench.js';
import { addCalibrate } from './commands/calibrate.js';
import { addCheck } from './commands/check.js';
import { addCompare } from './commands/compare.js';
import { addCompletion } from './commands/completion.js';
import { addData } from './commands/data.js';
import { addDoctor } from './commands/doctor.js';
import { addEval } from './commands/eval.js';
import { addExport } from './commands/export.js';
import { addFmt } from './commands/fmt.js';
import { addImport } from './commands/import.js';
import { addInit } from './commands/init.js';
import { addLsp } from './commands/lsp.js';
import { addPlan } from './commands/plan.js';
import { addPredict } from './commands/predict.js';
import { addReport } from './commands/report.js';
import { addRuns } from './commands/runs.js';
import { addSweep } from './commands/sweep.js';
import { addTest } from './commands/test.js';
import { addTrain } from './commands/train.js';
import { addTune } from './commands/tune.js';
import { addUi } from './commands/ui.js';
import { addVerify } from './commands/verify.js';
import { EXIT, reportFailure } from './failure.js';
import { Output } from './output.js';
import { asRank } from './rank.js';
import type { Stream } from './stream.js';

const COMMANDS = [
  addTrain,
  addSweep,
  addEval,
  addPredict,
  addExport,
  addImport,
  addRuns,
  addCompare,
  addReport,
  addPlan,
  addTest,
  addVerify,
  addDoctor,
  addCalibrate,
  addCheck,
  addFmt,
  addData,
  addBackends,
  addBench,
  addTune,
  addInit,
  addLsp,
  addUi,
  addCompletion,
];

/** A value that is empty is that of a variable which is not set in a script: nothing is named by it. */
function refuseEmptyValues(command: Command): void {
  const empty = command.options.find((option) => command.getOptionValue(option.attributeName()) === '');
  if (empty !== undefined)
    command.error(`error: option '${empty.flags}' argument '' is invalid. It is empty; name something, or leave ${empty.long} away.`);
}

/** Runs one command line (`argv` without node and script) and resolves to its exit code; prints every failure and never throws. */
export async function runCommandLine(
  argv: readonly string[],
  stdout: Stream = process.stdout,
  stderr: Stream = process.stderr,
): Promise<number> {
  const [json, quiet] = [argv.includes('--json'), argv.includes('--quiet') || argv.includes('-q')];
  const rank = asRank(argv, stdout, stderr);
  const output = rank?.output(json, quiet) ?? new Output(json, stdout, stderr, quiet);
  const [out, err] = [rank?.stdout ?? stdout, rank?.stderr ?? stderr];
  let code: number = EXIT.done;
  const program = new Command('ampc')
    .description('Compiles and runs mixed-precision training: a plan you can read, diff, test and trust.')
    .version(VERSION)
    .configureOutput({ writeOut: (text) => void out.write(text), writeErr: (text) => void err.write(text) })
    .showHelpAfterError('(--help shows how it is used)')
    .exitOverride()
    .hook('preAction', (_, command) => refuseEmptyValues(command));
  for (const add of COMMANDS) {
    add(program, output, (result) => {
      code = result;
    });
  }
  try {
    await rank?.join(output);
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) return rank?.fail(error) ?? reportFailure(error, output);
  }
  rank?.leave();
  return code;
}
