import { shellWord } from '../../diagnostics/shell-word.js';
import { formatAmp, readSource, rewriteText } from '../../index.js';
import { EXIT } from '../failure.js';
import type { AddCommand } from './command.js';

export const addFmt: AddCommand = (program, output, exitWith) => {
  program
    .command('fmt')
    .description('rewrite .amp files in the one standard form')
    .argument('<file...>', '.amp files')
    .option('--check', 'change nothing; exit 1 when a file is not in the standard form', false)
    .action(async (files: readonly string[], { check }: { readonly check: boolean }) => {
      let changed = 0;
      for (const file of files) {
        const source = await readSource(file);
        const formatted = formatAmp(source);
        if (formatted === source.text) continue;
        changed += 1;
        if (check) output.line(`${file} is not formatted`);
        else {
          await rewriteText(file, formatted);
          output.line(`formatted ${file}`);
        }
      }
      if (check && changed > 0) {
        output.error(`run \`ampc fmt ${files.map(shellWord).join(' ')}\``);
        exitWith(EXIT.failed);
      } else if (changed === 0) {
        output.line(files.length === 1 ? 'already formatted' : `${files.length} files already formatted`);
      }
    });
};
