import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface Ended {
  /** -1 where a signal ended it, which stands at the end of `stderr`. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OutputOf {
  /** Resolves when stdout matches, with all of it so far. The process may be far beyond that by then. */
  waitFor(pattern: RegExp): Promise<string>;
  /** The same of stderr. */
  waitForError(pattern: RegExp): Promise<string>;
  /** Rejects where it could not be started. */
  readonly result: Promise<Ended>;
}

/** Collects what a process prints, until it has ended and both its streams have. */
export function outputOf(child: ChildProcessByStdio<null, Readable, Readable>): OutputOf {
  const texts = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const look of waiting) look();
  };
  let over = false;
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text;
      changed();
    });
  const result = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const { stdout, stderr } = texts;
      resolve({ code: code ?? -1, stdout, stderr: signal === null ? stderr : `${stderr}\nended by ${signal}` });
      over = true;
      changed();
    });
  });
  const until = (pattern: RegExp, stream: keyof typeof texts): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (pattern.test(texts[stream])) resolve(texts[stream]);
        else if (over) reject(new Error(`ended before ${pattern} came:\n${texts.stdout}\n${texts.stderr}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  return { waitFor: (pattern) => until(pattern, 'stdout'), waitForError: (pattern) => until(pattern, 'stderr'), result };
}
