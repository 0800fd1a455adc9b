import { userError } from '../diagnostics/diagnostic.js';

export const isLock = (_: string): boolean => false;

const nameOf = (dir: string): string => `ampc run ${dir}`;

export async function isHeld(dir: string, _names?: readonly string[]): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === nameOf(dir));
}

/** Holds a run folder for this page or worker: the browser gives a lock back when its holder is gone. */
export class RunLock {
  private constructor(readonly release: () => Promise<void>) {}

  /** Throws UserError AMP7207 where another page holds `dir`. */
  static take(dir: string): Promise<RunLock> {
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(nameOf(dir), { ifAvailable: true }, (lock) => {
        if (lock === null) {
          reject(userError('AMP7207', `${dir} is in use`, 'another page or worker writes to it', 'close it, or wait for its end'));
          return undefined;
        }
        return new Promise<void>((over) => {
          resolve(
            new RunLock(async () => {
              over();
              await held;
            }),
          );
        });
      });
    });
  }
}
