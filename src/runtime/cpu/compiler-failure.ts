import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { fileReason } from '../../files/reason.js';
import type { Ending, RunResult } from '../program.js';
import { userFlags } from './user-flags.js';

/** A compiler, as it says what it is. */
interface Compiler {
  readonly version: string;
}

/** What a compiler says when the system refuses it something, and the code of the system's error. */
const SYSTEM_ERRORS: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/no space left on device/i, 'ENOSPC'],
  [/disk quota exceeded/i, 'EDQUOT'],
  [/read-only file system/i, 'EROFS'],
  [/file size limit exceeded|file too large/i, 'EFBIG'],
  [/too many open files/i, 'EMFILE'],
  [/resource temporarily unavailable|cannot fork|can't fork/i, 'EAGAIN'],
  [/cannot allocate memory|virtual memory exhausted|out of memory|memory exhausted|bad_alloc/i, 'ENOMEM'],
  [/input\/output error/i, 'EIO'],
  [/permission denied/i, 'EACCES'],
];

const FIXES: Readonly<Record<string, string>> = {
  ENOSPC: 'make room there, or set AMPC_CACHE to a folder on another disk',
  EDQUOT: 'make room there, or set AMPC_CACHE to a folder on another disk',
  EROFS: 'set AMPC_CACHE to a folder that can be written to',
  EFBIG: 'allow larger files (ulimit -f unlimited)',
  EMFILE: 'allow more open files (ulimit -n), or end programs that hold many',
  EAGAIN: 'allow more processes (ulimit -u, the limit of a container), or end some; then run it again',
  ENOMEM: 'end other programs, or allow more memory (ulimit -v, the limit of a container); then run it again',
  EACCES: 'check who may run the compiler and write to the cache',
};

/** A compiler's driver tells in words of a signal that ended the program it started. */
const KILLED_INSIDE = /killed signal terminated program|unable to execute command: killed|\bkilled\b.*\b(cc1|clang|as|ld|collect2)\b/i;
const CRASHED_INSIDE =
  /internal compiler error|signal terminated program|failed due to signal|unable to execute command|segmentation fault/i;

const OTHER_COMPILER = 'update it, or name another one in AMPC_CC';

/** Exit codes of a shell that could not start the program. */
const SHELL_CODES: Readonly<Record<number, string>> = { 126: 'EACCES', 127: 'ENOENT' };

function firstError(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /error/i.test(line)) ?? lines[0] ?? 'it does not say why').trim();
}

/** What refuses a program's start to whatever program it is: another compiler would fare no better. */
const OF_THE_MACHINE: readonly string[] = ['EAGAIN', 'ENOMEM', 'EMFILE'];

/** The system refused a compiler what it needs to say its version: processes, memory or files. */
export function refusedByMachine(command: string, result: RunResult): UserError | undefined {
  const code = systemCode(result);
  if (code === undefined || !OF_THE_MACHINE.includes(code)) return undefined;
  const said = result.ending.kind === 'system' ? result.ending.error.message : firstError(result.stderr);
  return userError(
    'AMP6029',
    `the C compiler ${whenEnded(result.ending)}: ${fileReason({ code })}`,
    `${command} --version: ${said}`,
    FIXES[code],
  );
}

function systemCode({ ending, stderr }: RunResult): string | undefined {
  if (ending.kind === 'system') return ending.error.code;
  if (ending.kind === 'exit' && ending.code in SHELL_CODES) return SHELL_CODES[ending.code];
  return SYSTEM_ERRORS.find(([pattern]) => pattern.test(stderr))?.[1];
}

function killed({ version }: Compiler): UserError {
  return userError(
    'AMP6027',
    'the C compiler was killed (SIGKILL)',
    `somebody killed ${version}, or the system did because memory ran out`,
    'end other programs or allow more memory, and run it again',
  );
}

function crashed({ version }: Compiler, how: string): UserError {
  return userError('AMP6055', `the C compiler crashed: ${how}`, `${version}; the fault is the compiler's`, OTHER_COMPILER);
}

function whenEnded({ kind }: Ending): string {
  return kind === 'system' ? 'could not be started' : 'could not work';
}

/**
 * Why a compiler failed, told apart by what ended it: ampc's time limit (AMP6026), being killed (AMP6027), a crash (AMP6055), an error of
 * the system (AMP6029). Undefined when it refused the source. `folder` is where it writes.
 */
export function compilerFailure(compiler: Compiler, result: RunResult, folder: string): UserError | undefined {
  const { ending, stderr } = result;
  if (ending.kind === 'timeout')
    return userError(
      'AMP6026',
      `the C compiler did not end within ${ending.seconds} seconds`,
      `${compiler.version} was killed; it hangs, or the machine is very busy`,
      'AMPC_CC_TIMEOUT=SECONDS gives it more time; AMPC_CC names another compiler',
    );
  if ((ending.kind === 'signal' && ending.signal === 'SIGKILL') || KILLED_INSIDE.test(stderr)) return killed(compiler);
  const code = systemCode(result);
  if (code !== undefined) {
    const said = ending.kind === 'system' ? ending.error.message : firstError(stderr);
    return userError(
      'AMP6029',
      `the C compiler ${whenEnded(ending)}: ${fileReason({ code })}`,
      `it writes to ${folder}; ${said}`,
      FIXES[code] ?? OTHER_COMPILER,
    );
  }
  if (ending.kind === 'signal') return crashed(compiler, `ended by ${ending.signal}`);
  return CRASHED_INSIDE.test(stderr) ? crashed(compiler, firstError(stderr)) : undefined;
}

/** The compiler refused what ampc generated: the one failure that is a bug in ampc, but where the user has it told more. */
export function refusedSource({ version }: Compiler, { stderr }: RunResult, kept: string): UserError {
  const own = userFlags().join(' ');
  return userError(
    'AMP6025',
    `the C compiler refused the generated code: ${firstError(stderr)}`,
    `${version}; the source is kept in ${kept}`,
    own === ''
      ? 'this is a bug in ampc: report it with that file; another compiler in AMPC_CC may do meanwhile'
      : `AMPC_CFLAGS has it told ${own}: unset it, and if it stays so, report it with that file`,
  );
}
