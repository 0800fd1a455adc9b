import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface PythonResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[]): Promise<PythonResult> {
  return new Promise((resolve) => {
    execFile(command, [...args], { timeout: 120_000, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

/** `$AMPC_TEST_PYTHON`, else that of `.peers`, else the one on the PATH: the first that has these modules; undefined where none has. */
export async function findPython(
  ...modules: readonly string[]
): Promise<((...args: readonly string[]) => Promise<PythonResult>) | undefined> {
  const named = process.env.AMPC_TEST_PYTHON;
  const local = join('.peers', 'bin', 'python');
  const candidates = named !== undefined && named !== '' ? [named] : [...(existsSync(local) ? [local] : []), 'python3'];
  for (const command of candidates)
    if ((await run(command, ['-c', `import ${modules.join(', ')}`])).code === 0) return (...args) => run(command, args);
  return undefined;
}

export function noPython(...modules: readonly string[]): string {
  return `no Python with ${modules.join(', ')}: pip install them into .peers, or name one by $AMPC_TEST_PYTHON`;
}
