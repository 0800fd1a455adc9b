import {
  checkSource,
  diagnosticData,
  fixSource,
  lintSource,
  readSource,
  readStandardInput,
  renderDiagnostic,
  rewriteText,
  STANDARD_INPUT,
  UserError,
} from '../../index.js';
import { EXIT } from '../failure.js';
import { options } from '../options.js';
import type { Output } from '../output.js';
import type { AddCommand } from './command.js';

export const addCheck: AddCommand = (program, output, exitWith) => {
  const command = program
    .command('check')
    .description('report every mistake in .amp files, and what is known to go wrong')
    .argument('<file...>', '.amp files; - is standard input')
    .option('--fix', 'write what fixes say into the files first, where that is a text; then report what is left', false)
    .addOption(options.quiet())
    .addOption(options.json());
  command.action(async (files: readonly string[], { fix }: { readonly fix: boolean }) => {
    if (fix && files.includes(STANDARD_INPUT)) command.error('error: --fix writes into files; - is standard input');
    if (files.filter((file) => file === STANDARD_INPUT).length > 1) command.error('error: - is standard input, and is read once');
    let errors = 0;
    let warnings = 0;
    for (const file of files) {
      if (fix) await fixFile(file, output);
      const { source, diagnostics } = await checkFile(file);
      for (const diagnostic of diagnostics) {
        if (diagnostic.severity === 'error') errors += 1;
        else warnings += 1;
        output.event({ event: 'diagnostic', ...diagnosticData(diagnostic, source) });
        output.error(`${renderDiagnostic(diagnostic, source, { color: output.errorColor })}\n`);
      }
    }
    output.event({ event: 'check', files: files.length, errors, warnings });
    if (errors > 0) {
      output.error(
        `${plural(errors, 'error')}${warnings > 0 ? `, ${plural(warnings, 'warning')}` : ''} in ${plural(files.length, 'file')}`,
      );
      exitWith(EXIT.failed);
    } else {
      output.info(`${plural(files.length, 'file')} checked, no errors${warnings > 0 ? `, ${plural(warnings, 'warning')}` : ''}`);
    }
  });
};

/** Writes into a file what its fixes say. One that cannot be read is told of as it is checked. */
async function fixFile(file: string, output: Output): Promise<void> {
  const source = await readSource(file).catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  const { text, fixed } = source === undefined ? { text: '', fixed: [] } : fixSource(source);
  if (source === undefined || fixed.length === 0) return;
  await rewriteText(file, text);
  output.info(`fixed ${plural(fixed.length, 'mistake')} in ${file}`);
}

async function checkFile(path: string) {
  try {
    const source = await (path === STANDARD_INPUT ? readStandardInput() : readSource(path));
    const diagnostics = checkSource(source);
    const hasErrors = diagnostics.some(({ severity }) => severity === 'error');
    return { source, diagnostics: hasErrors ? diagnostics : [...diagnostics, ...lintSource(source)] };
  } catch (error) {
    // An unreadable file is one more finding; the other files are still checked.
    if (error instanceof UserError) return { source: error.source, diagnostics: error.diagnostics };
    throw error;
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
