import { shellWord } from '../../diagnostics/shell-word.js';
import { formatAmp, readSource, readStandardInput, rewriteText, STANDARD_INPUT } from '../../index.js';
import { EXIT } from '../failure.js';
import { options } from '../options.js';
import type { Output } from '../output.js';
import type { AddCommand } from './command.js';

/** Formats a file in its place, or with `check` only says whether it is formatted; whether it was not. */
async function formatFile(file: string, check: boolean, output: Output): Promise<boolean> {
  const source = await readSource(file);
  const formatted = formatAmp(source);
  if (formatted === source.text) return false;
  if (check) output.line(`${file} is not formatted`);
  else {
    await rewriteText(file, formatted);
    output.info(`formatted ${file}`);
  }
  return true;
}

export const addFmt: AddCommand = (program, output, exitWith) => {
  const command = program
    .command('fmt')
    .description('rewrite .amp files in the one standard form')
    .argument('<file...>', '.amp files; - reads standard input and prints it in the standard form')
    .option('--check', 'change nothing; exit 1 when a file is not in the standard form', false)
    .addOption(options.quiet());
  command.action(async (files: readonly string[], { check }: { readonly check: boolean }) => {
    if (files.includes(STANDARD_INPUT)) {
      if (files.length > 1) command.error('error: - is standard input, and stands alone');
      const source = await readStandardInput();
      const formatted = formatAmp(source);
      if (!check) output.product(formatted);
      else if (formatted !== source.text) {
        output.error(`${source.path} is not formatted`);
        exitWith(EXIT.failed);
      }
      return;
    }
    let changed = 0;
    for (const file of files) if (await formatFile(file, check, output)) changed += 1;
    if (check && changed > 0) {
      output.error(`run \`ampc fmt ${files.map(shellWord).join(' ')}\``);
      exitWith(EXIT.failed);
    } else if (changed === 0) {
      output.info(files.length === 1 ? 'already formatted' : `${files.length} files already formatted`);
    }
  });
};
