import { joinRanks, leaveRanks, rankAmongOthers, UserError } from '../index.js';
import { reportFailure } from './failure.js';
import { Output } from './output.js';
import type { Stream } from './stream.js';

/** A stream that leads nowhere. */
const SILENT: Stream = { write: () => true };

const isInterruption = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

/** Commands of which every rank would do all, in the same files: they are for one process. */
const ALONE: ReadonlySet<string> = new Set(['sweep', 'eval', 'predict', 'export', 'verify', 'calibrate', 'bench']);

/** Commands that several ranks run, or are refused, together; others every process runs for itself. */
function isShared([command = '', ...more]: readonly string[]): boolean {
  return command === 'train' || (command === 'tune' && more.includes('--network')) || ALONE.has(command);
}

function aloneError(command: string, size: number): UserError {
  return new UserError([
    {
      code: 'AMP6512',
      severity: 'error',
      message: `ampc ${command} is for one process, and a launcher started ${size}`,
      why: 'each of them would do all of it, and write the same files',
      fix: 'start it without the launcher; several ranks share ampc train and ampc tune --network',
    },
  ]);
}

/** One rank of several that run a command line together: what they print the first one prints, and one of them why they failed. */
class Rank {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly #told: string[] = [];

  constructor(
    private readonly self: NonNullable<ReturnType<typeof rankAmongOthers>>,
    private readonly command: string,
    stdout: Stream,
    private readonly console: Stream,
  ) {
    const isFirst = self.rank === 0;
    this.stdout = isFirst ? stdout : SILENT;
    this.stderr = isFirst ? console : { write: (text) => this.#told.push(text) };
  }

  /** Where a command prints: of the others nothing but a failure is ever seen. */
  output(json: boolean, quiet: boolean): Output {
    return this.self.rank === 0 ? new Output(json, this.stdout, this.stderr, quiet) : new Output(false, SILENT, SILENT, true);
  }

  /** Before anything that can fail, so that a failure ends all. Throws UserError as `joinRanks`, and AMP6512. */
  async join(output: Output): Promise<void> {
    await joinRanks(output.notice);
    if (ALONE.has(this.command)) throw aloneError(this.command, this.self.size);
  }

  /** Ends well, together with the others. */
  leave(): void {
    leaveRanks();
  }

  /** Says why this one failed, unless another one says it, and ends all; the exit code. */
  fail(error: unknown): number {
    const { rank, size, localRank = rank } = this.self;
    const code = reportFailure(error, new Output(false, SILENT, this.stderr));
    const text = rank === 0 || isInterruption(error) ? '' : `rank ${rank} of ${size} failed:\n${this.#told.join('')}`;
    if (leaveRanks({ code, text })) return code;
    // What keeps ranks from meeting is a matter of the machine: all there find the same.
    if (localRank === 0 || !(error instanceof UserError)) this.console.write(text);
    return code;
  }
}

/** This process as one of several ranks of a command; undefined: it runs the command alone. */
export function asRank(argv: readonly string[], stdout: Stream, stderr: Stream): Rank | undefined {
  const self = isShared(argv) ? rankAmongOthers() : undefined;
  return self && new Rank(self, argv[0]!, stdout, stderr);
}
