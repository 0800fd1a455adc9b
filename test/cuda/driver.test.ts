import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findDriver } from '../../src/runtime/cuda/driver.js';
import { COMPILER, needCompiler } from './emulated.js';

const run = promisify(execFile);

/** A driver with two devices; without any where `NONE`. */
const DRIVER = String.raw`
#include <cstring>
#define CALL extern "C" int
CALL cuInit(unsigned) {
#if defined(NONE)
  return 100;
#else
  return 0;
#endif
}
CALL cuDriverGetVersion(int *v) { *v = 12080; return 0; }
CALL cuDeviceGetCount(int *n) { *n = 2; return 0; }
CALL cuDeviceGet(int *d, int i) { *d = 40 + i; return 0; }
CALL cuDeviceGetName(char *name, int, int d) { strcpy(name, d == 40 ? "First" : "Second"); return 0; }
CALL cuDeviceTotalMem_v2(unsigned long long *n, int d) { *n = (d - 39ull) << 33; return 0; }
CALL cuDeviceGetAttribute(int *v, int a, int d) { *v = a == 75 ? d - 32 : a == 76 ? d - 40 : -1; return 0; }
`;

describe('the NVIDIA driver', function () {
  this.timeout(60_000);
  let folder: string;

  before(async function () {
    await needCompiler(this);
    folder = await mkdtemp(join(tmpdir(), 'ampc-driver-'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  const built = async (name: string, ...flags: readonly string[]): Promise<string> => {
    const [source, library] = [join(folder, `${name}.cpp`), join(folder, `${name}.so`)];
    await writeFile(source, DRIVER);
    await run(COMPILER, ['-shared', '-fPIC', ...flags, source, '-o', library]);
    return library;
  };

  it('says its version, and of each device what it is', async () => {
    assert.deepEqual(findDriver(await built('two')), {
      version: '12.8',
      devices: [
        { name: 'First', memory: 2 ** 33, capability: '8.0' },
        { name: 'Second', memory: 2 ** 34, capability: '9.1' },
      ],
    });
  });

  it('may find no device', async () => {
    assert.deepEqual(findDriver(await built('none', '-DNONE')), {
      reason: 'the NVIDIA driver finds no device (cuInit failed with error 100)',
    });
  });

  it('may not be there', () => {
    const path = join(folder, 'no-such-library.so');
    assert.deepEqual(findDriver(path), { reason: `there is no NVIDIA driver (${path})` });
  });
});
