import {
  type Diagnostic,
  diagnosticData,
  fixSource,
  type LanguageService,
  plainService,
  readSource,
  readStandardInput,
  readWhole,
  renderDiagnostic,
  rewriteText,
  type Source,
  STANDARD_INPUT,
  UserError,
} from '../../index.js';
import { EXIT } from '../failure.js';
import { onInterrupt } from '../interrupt.js';
import { options } from '../options.js';
import type { Output } from '../output.js';
import { untilNextLook, WatchedFile } from '../watched-file.js';
import type { AddCommand } from './command.js';

interface Choices {
  readonly fix: boolean;
  readonly watch: boolean;
}

/** A file, if it could be read, and what was found in it. */
interface Checked {
  readonly source: Source | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export const addCheck: AddCommand = (program, output, exitWith) => {
  const command = program
    .command('check')
    .description('report every mistake in .amp files, and what is known to go wrong')
    .argument('<file...>', '.amp files; - is standard input')
    .option('--fix', 'write what fixes of mistakes say into the files first, where that is a text; then report what is left', false)
    .option('--watch', 'go on, and check again whenever a file, or one that it uses, says something else', false)
    .addOption(options.quiet())
    .addOption(options.json());
  command.action(async (files: readonly string[], { fix, watch }: Choices) => {
    const isPiped = files.includes(STANDARD_INPUT);
    if (fix && isPiped) command.error('error: --fix writes into files; - is standard input');
    if (watch && isPiped) command.error('error: --watch looks at files; - is standard input');
    if (files.filter((file) => file === STANDARD_INPUT).length > 1) command.error('error: - is standard input, and is read once');
    if (fix) for (const file of files) await fixFile(file, output);
    const service = plainService();
    const findings = new Map<string, Checked>();
    for (const file of files) findings.set(file, await checkFile(file, service));
    const errors = report([...findings.values()], files.length, output);
    if (watch) exitWith(await watchFiles(findings, service, output));
    else if (errors > 0) exitWith(EXIT.failed);
  });
};

/** Tells the findings of some of the files that are checked, and what they come to in all of those; how many errors. */
function report(checked: readonly Checked[], files: number, output: Output, all: readonly Checked[] = checked): number {
  for (const { source, diagnostics } of checked) {
    for (const diagnostic of diagnostics) {
      output.event({ event: 'diagnostic', ...diagnosticData(diagnostic, source) });
      const text = `${renderDiagnostic(diagnostic, source, { color: output.errorColor })}\n`;
      if (diagnostic.severity === 'hint') output.info(text);
      else output.error(text);
    }
  }
  const found = all.flatMap(({ diagnostics }) => diagnostics);
  const count = (severity: Diagnostic['severity']) => found.filter((one) => one.severity === severity).length;
  const [errors, warnings, hints] = [count('error'), count('warning'), count('hint')];
  output.event({ event: 'check', files, errors, warnings, hints });
  const also = `${warnings > 0 ? `, ${plural(warnings, 'warning')}` : ''}${hints > 0 ? `, ${plural(hints, 'hint')}` : ''}`;
  if (errors > 0) output.error(`${plural(errors, 'error')}${also} in ${plural(files, 'file')}`);
  else output.info(`${plural(files, 'file')} checked, no errors${also}`);
  return errors;
}

/** Checks files again whenever they, or what they use, say something else: those alone. Until a signal comes, whose exit code it has. */
async function watchFiles(findings: Map<string, Checked>, service: LanguageService, output: Output): Promise<number> {
  const interrupt = onInterrupt(output, 'stopping');
  const watched = [...findings].map(([file, { source }]) => ({ file, one: new WatchedFile(file, source) }));
  output.info('watching: what is changed is checked again, Ctrl-C ends');
  try {
    while (await untilNextLook(interrupt.signal)) {
      const changed: Checked[] = [];
      for (const { file, one } of watched) {
        const seen = await one.look();
        if (seen === undefined) continue;
        const now = seen.kind === 'changed' ? checked(file, seen.source, service) : { source: undefined, diagnostics: seen.diagnostics };
        findings.set(file, now);
        changed.push(now);
        output.info(`\n${file} ${seen.kind === 'changed' ? 'has changed' : 'is gone'}`);
      }
      if (changed.length > 0) report(changed, watched.length, output, [...findings.values()]);
    }
    return interrupt.exitCode;
  } finally {
    interrupt.release();
  }
}

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

function checked(file: string, source: Source, service: LanguageService): Checked {
  return { source, diagnostics: service.update(file, source).findings };
}

async function checkFile(file: string, service: LanguageService): Promise<Checked> {
  try {
    return checked(file, await (file === STANDARD_INPUT ? readStandardInput() : readWhole(file)), service);
  } catch (error) {
    // An unreadable file is one more finding; the other files are still checked.
    if (error instanceof UserError) return { source: error.source, diagnostics: error.diagnostics };
    throw error;
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
