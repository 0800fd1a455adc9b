import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { type DownloadOptions, type DownloadProgress, download, type StartTimer } from '../../src/training/data/download.js';
import { fetchDataset } from '../../src/training/data/fetch.js';
import { tinyCifar } from './support/cifar.js';
import { inTemporaryFolder } from './support/fake.js';
import { type Behaviour, corrupt, ignoreRange, serve, stallAfter, status, truncateAfter, withServer } from './support/server.js';

const BODY = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * index + (index >> 9)) % 251));
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

interface Result {
  readonly error: UserError | undefined;
  /** First bytes asked for, by request. */
  readonly asked: readonly number[];
  readonly files: readonly string[];
  readonly content: Buffer | undefined;
  readonly progress: readonly DownloadProgress[];
}

/** Downloads BODY from a server that behaves as told, `part` being there already. */
async function run(behaviours: readonly Behaviour[], part?: Uint8Array, more: Partial<DownloadOptions> = {}): Promise<Result> {
  return inTemporaryFolder((dir) =>
    withServer(BODY, behaviours, async ({ url, asked }) => {
      const path = join(dir, 'file');
      if (part !== undefined) await writeFile(`${path}.part`, part);
      const progress: DownloadProgress[] = [];
      let error: UserError | undefined;
      const options = {
        url,
        path,
        md5: md5(BODY),
        retryMs: 1,
        onProgress: (p: DownloadProgress) => progress.push(p),
        ...more,
      };
      await download(options).catch((reason) => {
        assert.ok(reason instanceof UserError, String(reason));
        error = reason;
      });
      const files = (await readdir(dir)).sort();
      return { error, asked, files, content: files.includes('file') ? await readFile(path) : undefined, progress };
    }),
  );
}

/** A clock for the download's patience, which stands still until the test lets the time pass. */
class Silence {
  private waiting: (() => void) | undefined;

  readonly startTimer: StartTimer = (then) => {
    this.waiting = then;
    return () => {
      if (this.waiting === then) this.waiting = undefined;
    };
  };

  pass(): void {
    this.waiting?.();
  }

  /** Lets it pass as soon as so many bytes have arrived, the first time. */
  after(bytes: number): (progress: DownloadProgress) => void {
    let isOver = false;
    return ({ received }) => {
      if (received !== bytes || isOver) return;
      isOver = true;
      this.pass();
    };
  }
}

function assertArrived({ error, content, files }: Result): void {
  assert.equal(error, undefined);
  assert.ok(content?.equals(BODY));
  assert.deepEqual(files, ['file']);
}

describe('download', () => {
  it('brings a file and reports its progress', async () => {
    const result = await run([serve]);
    assertArrived(result);
    assert.deepEqual(result.progress[0], { received: 0, total: BODY.length });
    assert.deepEqual(result.progress.at(-1), { received: BODY.length, total: BODY.length });
  });

  it('continues a part', async () => {
    const result = await run([serve], BODY.subarray(0, 100_000));
    assertArrived(result);
    assert.deepEqual(result.asked, [100_000]);
    assert.equal(result.progress[0]?.received, 100_000);
  });

  it('takes a part that is complete', async () => assertArrived(await run([serve], BODY)));

  it('starts again where the server ignores ranges', async () => {
    assertArrived(await run([ignoreRange], Buffer.from('not the beginning of the file at all')));
  });

  it('goes on after dropped connections, from where they dropped', async () => {
    const drops = [120_000, 180_000];
    let close = () => {};
    const opened = (closeIt: () => void) => {
      close = closeIt;
    };
    const result = await run([stallAfter(120_000, opened), stallAfter(60_000, opened), serve], undefined, {
      onProgress: ({ received }) => {
        if (received !== drops[0]) return;
        drops.shift();
        close();
      },
    });
    assertArrived(result);
    assert.deepEqual(result.asked, [0, 120_000, 180_000]);
  });

  it('goes on after a silence', async () => {
    const silence = new Silence();
    const result = await run([stallAfter(50_000), serve], undefined, {
      startTimer: silence.startTimer,
      onProgress: silence.after(50_000),
    });
    assertArrived(result);
    assert.deepEqual(result.asked, [0, 50_000]);
  });

  it('gives up on a server that stays silent, and keeps the part', async () => {
    const silence = new Silence();
    const mute: Behaviour = () => silence.pass();
    const result = await run([stallAfter(50_000), mute], undefined, {
      attempts: 2,
      stallMs: 100,
      startTimer: silence.startTimer,
      onProgress: silence.after(50_000),
    });
    assert.deepEqual(result.asked, [0, 50_000, 50_000]);
    assert.equal(result.error?.diagnostics[0]?.code, 'AMP7011');
    assert.match(result.error?.diagnostics[0]?.why ?? '', /nothing arrived for 0\.1 s/);
    assert.deepEqual(result.files, ['file.part']);
  });

  it('tries again after a server error, and gives up after several', async () => {
    assertArrived(await run([status(500), status(503), serve]));
    const result = await run([status(500)], undefined, { attempts: 3 });
    assert.equal(result.asked.length, 3);
    assert.match(result.error?.diagnostics[0]?.why ?? '', /answered 500/);
  });

  it('does not try again when the file is not there', async () => {
    const result = await run([status(404)]);
    assert.equal(result.asked.length, 1);
    assert.match(result.error?.diagnostics[0]?.why ?? '', /answered 404/);
  });

  it('removes a damaged file', async () => {
    const result = await run([corrupt]);
    assert.equal(result.error?.diagnostics[0]?.code, 'AMP7012');
    assert.deepEqual(result.files, []);
  });

  it('notices that the part on disk was not of this file', async () => {
    const result = await run([serve], Buffer.alloc(1000, 1));
    assert.equal(result.error?.diagnostics[0]?.code, 'AMP7012');
    assertArrived(await run([serve]));
  });

  it('gives up when nobody answers', async () => {
    const result = await run([serve], undefined, { url: 'http://127.0.0.1:9/x', attempts: 2 });
    assert.equal(result.error?.diagnostics[0]?.code, 'AMP7011');
  });

  it('stops when asked to', async () => {
    const controller = new AbortController();
    const onProgress = ({ received }: DownloadProgress) => received === 50_000 && controller.abort();
    const result = await run([stallAfter(50_000)], undefined, { signal: controller.signal, onProgress });
    assert.match(result.error?.diagnostics[0]?.why ?? '', /interrupted/);
    assert.deepEqual(result.files, ['file.part']);
  });
});

/** A small archive as the official one is laid out. */
async function archive(dir: string): Promise<Buffer> {
  const source = join(dir, 'source');
  await tinyCifar(source);
  await create({ file: join(dir, 'a.tar.gz'), gzip: true, cwd: source }, ['cifar-10-batches-bin']);
  return readFile(join(dir, 'a.tar.gz'));
}

describe('fetchDataset', () => {
  it('unpacks and verifies the archive, leaves nothing else, and does not fetch it again', () =>
    inTemporaryFolder(async (dir) => {
      const body = await archive(dir);
      const data = join(dir, 'data');
      await withServer(body, [truncateAfter(body.length >> 1), serve], async ({ url, asked }) => {
        const report = await fetchDataset('cifar10', data, { url, md5: md5(body), retryMs: 1 });
        assert.deepEqual([report.train, report.test], [15, 2]);
        assert.deepEqual(await readdir(data), ['cifar-10-batches-bin']);
        await fetchDataset('cifar10', data, { url, md5: md5(body) });
        assert.equal(asked.length, 2);
      });
    }));

  it('takes $AMPC_CIFAR10_URL as the address and insists on the official size', () =>
    inTemporaryFolder(async (dir) => {
      const body = await archive(dir);
      await withServer(body, [serve], async ({ url, asked }) => {
        process.env.AMPC_CIFAR10_URL = url;
        try {
          await assert.rejects(fetchDataset('cifar10', join(dir, 'data')), /AMP7011/);
        } finally {
          delete process.env.AMPC_CIFAR10_URL;
        }
        assert.equal(asked.length, 1);
      });
    }));

  it('uses an archive that was put there by hand, and completes an incomplete folder', () =>
    inTemporaryFolder(async (dir) => {
      const body = await archive(dir);
      const data = join(dir, 'data');
      await tinyCifar(data);
      await rm(join(data, 'cifar-10-batches-bin', 'test_batch.bin'));
      await writeFile(join(data, 'cifar-10-binary.tar.gz'), body);
      await fetchDataset('cifar10', data, { url: 'http://127.0.0.1:9/', md5: md5(body) });
      assert.deepEqual(await readdir(data), ['cifar-10-batches-bin']);
    }));

  it('refuses an archive without the files and leaves no trace of it', () =>
    inTemporaryFolder(async (dir) => {
      await mkdir(join(dir, 'source', 'cifar-10-batches-bin'), { recursive: true });
      await writeFile(join(dir, 'source', 'cifar-10-batches-bin', 'test_batch.bin'), 'x');
      await create({ file: join(dir, 'a.tar.gz'), gzip: true, cwd: join(dir, 'source') }, ['cifar-10-batches-bin']);
      const body = await readFile(join(dir, 'a.tar.gz'));
      const data = join(dir, 'data');
      await withServer(body, [serve], async ({ url }) => {
        await assert.rejects(fetchDataset('cifar10', data, { url, md5: md5(body) }), /AMP7020/);
      });
      assert.deepEqual(await readdir(data), []);
    }));

  it('writes shapes in the same format', () =>
    inTemporaryFolder(async (dir) => {
      const report = await fetchDataset('shapes', dir);
      assert.deepEqual([report.train, report.test, report.folder], [10_000, 2_000, join(dir, 'shapes-1-batches-bin')]);
      assert.deepEqual(report.trainPerClass, new Array(10).fill(1000));
    })).timeout(60_000);
});
