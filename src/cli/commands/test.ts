import { checkSpec, loadSpec, renderDiagnostics, SPEC_STAGES, type SpecOutcome, UserError, updateSpec } from '../../index.js';
import { EXIT } from '../failure.js';
import { options } from '../options.js';
import type { Output } from '../output.js';
import type { AddCommand } from './command.js';

interface TestOptions {
  readonly update: boolean;
}

/** A file that is no spec is one more that fails; the others are still checked. */
async function check(path: string, update: boolean, output: Output): Promise<Omit<SpecOutcome, 'path'>> {
  try {
    const file = loadSpec(path);
    if (update && (await updateSpec(SPEC_STAGES, file, process.cwd()))) output.info(`updated ${path}`);
    return await checkSpec(SPEC_STAGES, update ? loadSpec(path) : file, process.cwd());
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { description: undefined, checked: 0, problems: [renderDiagnostics(error.diagnostics, error.source)] };
  }
}

export const addTest: AddCommand = (program, output, exitWith) => {
  program
    .command('test')
    .description('check specs: what a plan must be, and how a model must train')
    .argument('<spec...>', '.yaml files; docs/testing.md says what they may hold')
    .option('--update', 'rewrite the expected texts to what comes out now', false)
    .addOption(options.quiet())
    .addOption(options.json())
    .action(async (paths: readonly string[], { update }: TestOptions) => {
      let failed = 0;
      for (const path of paths) {
        const { description, checked, problems } = await check(path, update, output);
        output.event({ event: 'spec', spec: path, description: description ?? null, checked, problems });
        const facts = `${checked} ${checked === 1 ? 'fact' : 'facts'}`;
        if (problems.length === 0) output.info(`${output.style('green', 'ok')}    ${path} (${facts})`);
        else {
          failed += 1;
          output.line(`${output.style('red', 'FAIL')}  ${path}${description === undefined ? '' : `: ${description}`}`);
          for (const problem of problems) output.line(`      ${problem.replaceAll('\n', '\n      ')}`);
        }
      }
      if (failed === 0) return;
      output.error(`${failed} of ${paths.length} ${paths.length === 1 ? 'spec' : 'specs'} failed`);
      exitWith(EXIT.failed);
    });
};
