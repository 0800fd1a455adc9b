import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { CIFAR10 } from '../../src/training/data/cifar.js';
import { fetchDataset } from '../../src/training/data/fetch.js';
import { ampc } from '../support/cli.js';
import { environment } from '../support/environment.js';
import { tinyCifar } from './support/cifar.js';
import { inTemporaryFolder } from './support/fake.js';
import { type Behaviour, serve, withServer } from './support/server.js';
import { TAR_END, type TarEntry, tar } from './support/tar.js';

const FOLDER = CIFAR10.folder;
const NAMES = [...CIFAR10.files.train, ...CIFAR10.files.test, CIFAR10.classesFile!];

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** The files of a small set, as the official archive has them. */
async function whole(dir: string): Promise<TarEntry[]> {
  await tinyCifar(join(dir, 'source'));
  return NAMES.map((name) => ({ name: `${FOLDER}/${name}`, body: readFileSync(join(dir, 'source', FOLDER, name)) }));
}

/** Every path below a folder. */
const below = (dir: string): string[] => (readdirSync(dir, { recursive: true }) as string[]).sort();

interface Result {
  /** Code, message and reason of the error. */
  readonly error: string;
  /** What lies in the data folder, and beside it. */
  readonly left: readonly string[];
  readonly beside: readonly string[];
}

/** Fetches an archive with the right checksum from a server that behaves as told. */
async function fetched(make: (dir: string) => Buffer | Promise<Buffer>, behaviours: readonly Behaviour[] = [serve]): Promise<Result> {
  return inTemporaryFolder(async (dir) => {
    const body = await make(dir);
    const before = readdirSync(dir);
    const data = join(dir, 'data');
    const error = await withServer(body, behaviours, ({ url }) =>
      fetchDataset('cifar10', data, { url, md5: md5(body), size: body.length, retryMs: 1, attempts: 2 }).then(
        () => '',
        (reason: Error) => {
          assert.ok(reason instanceof UserError, reason.stack);
          const { code, message, why } = reason.diagnostics[0]!;
          return `${code} ${message}: ${why}`;
        },
      ),
    );
    return { error, left: below(data), beside: readdirSync(dir).filter((name) => name !== 'data' && !before.includes(name)) };
  });
}

const packed = (entries: readonly TarEntry[]): Buffer => gzipSync(Buffer.concat([tar(entries), TAR_END]));

function assertNothingLeft({ error, left, beside }: Result, why: RegExp): void {
  assert.match(error, why);
  assert.deepEqual([left, beside], [[], []]);
}

describe('an archive that was made to do harm', () => {
  for (const [what, entry] of Object.entries({
    'an absolute path': { name: '/tmp/ampc-hostile' },
    'a path with ..': { name: `${FOLDER}/../../outside` },
    'a path that begins with ..': { name: '../outside' },
    'a symbolic link': { name: `${FOLDER}/link`, type: '2', link: '/etc/passwd' },
    'a hard link': { name: `${FOLDER}/link`, type: '1', link: '../../outside' },
    'a link in the place of the folder': { name: FOLDER, type: '2', link: '..' },
  } satisfies Record<string, TarEntry>))
    it(`and has ${what} beside the images gives the images and nothing else`, async () => {
      const bytes = Buffer.from('harm');
      const { error, left, beside } = await fetched(async (dir) => packed([{ body: bytes, ...entry }, ...(await whole(dir))]));
      assert.equal(error, '');
      assert.deepEqual([left, beside], [[FOLDER, ...[...NAMES, 'SHA256SUMS'].map((name) => join(FOLDER, name))].sort(), []]);
    });

  for (const [type, what] of [
    ['1', 'a hard link'],
    ['2', 'a symbolic link'],
  ] as const)
    it(`and has ${what} in the place of a file is refused`, async () => {
      const result = await fetched(async (dir) => {
        const [first, ...rest] = await whole(dir);
        return packed([{ name: first!.name, type, link: '/etc/passwd' }, ...rest]);
      });
      assertNothingLeft(result, /^AMP7020 cannot use .*cifar-10-binary\.tar\.gz: it has no cifar-10-batches-bin\/data_batch_1\.bin$/);
    });

  it('and says that a file is larger than any is refused', async () => {
    const result = await fetched(() => packed([{ name: `${FOLDER}/data_batch_1.bin`, size: 2 ** 32 }]));
    assertNothingLeft(result, /^AMP7020 .*it unpacks to more than 512 MiB/);
  });

  it('and unpacks to far more than it says is refused', async () => {
    const zeros = gzipSync(Buffer.alloc(1 << 25));
    const result = await fetched(async (dir) => Buffer.concat([packed(await whole(dir)), ...new Array<Buffer>(17).fill(zeros)]));
    assertNothingLeft(result, /^AMP7020 .*it unpacks to more than 512 MiB/);
  }).timeout(60_000);

  it('or is cut short, within a file, behind one, or in its packing, or is packed twice, is refused', async () => {
    const cut = (at: (all: Buffer) => Buffer) => fetched(async (dir) => at(Buffer.concat([tar(await whole(dir)), TAR_END])));
    assertNothingLeft(await cut((all) => gzipSync(all.subarray(0, 12_000))), /^AMP7020 .*it is no whole \.tar\.gz/);
    assertNothingLeft(await cut((all) => gzipSync(all.subarray(0, 10_240))), /^AMP7020 .*it has no .*data_batch_2\.bin/);
    assertNothingLeft(await cut((all) => gzipSync(all).subarray(0, 900)), /^AMP7020 .*it is no whole \.tar\.gz: unexpected end of file/);
    assertNothingLeft(await cut(() => Buffer.from('<html>not found</html>')), /^AMP7020 .*it is no whole \.tar\.gz/);
    assertNothingLeft(await cut((all) => gzipSync(gzipSync(all))), /^AMP7020 .*it is packed twice/);
  });

  it('or has files of another length is refused when they are read', async () => {
    const { error } = await fetched(async (dir) => {
      const [first, ...rest] = await whole(dir);
      return packed([{ ...first!, body: first!.body!.subarray(0, 5000) }, ...rest]);
    });
    assert.match(error, /^AMP7003/);
  });
});

/** Sends on to another address. */
const redirect =
  (location: string, code = 302): Behaviour =>
  (_body, _from, response) =>
    response.writeHead(code, { location }).end();

/** Sends bytes for as long as somebody takes them. */
const endless: Behaviour = (_body, _from, response) => {
  const more = (): void => {
    while (response.write(Buffer.alloc(65_536))) if (response.destroyed) return;
    response.once('drain', more);
  };
  response.writeHead(200);
  more();
};

describe('a server that means harm', () => {
  const image = async (dir: string) => packed(await whole(dir));
  const refused = async (why: RegExp, ...behaviours: readonly Behaviour[]) => assertNothingLeft(await fetched(image, behaviours), why);

  it('and sends on to a file, to another host without https, or in circles is refused at once', async () => {
    await refused(/^AMP7011 .*sends on to file:\/\/\/etc\/passwd, which is no address of the web/, redirect('file:///etc/passwd'));
    await refused(/^AMP7011 .*sends on to http:\/\/127\.0\.0\.2\/x, which is another host without https/, redirect('http://127.0.0.2/x'));
    await refused(/^AMP7011 .*sends on to data:/, redirect('data:text/plain,x', 301));
    await refused(/^AMP7011 .*sends on to http:\/\/, which is no address/, redirect('http://'));
    await refused(/^AMP7011 .*sends on more than 5 times/, redirect('/again'));
  });

  it('is followed to another path of its own', async () => {
    const { error } = await fetched(image, [redirect('/a', 301), redirect('/b', 307), serve]);
    assert.equal(error, '');
  });

  it('and says another length than is published, or sends more, is refused before it fills the disk', async () => {
    const longer: Behaviour = (body, _from, response) => response.writeHead(200, { 'content-length': body.length + 1 }).end();
    await refused(/^AMP7011 .*the server has a file of \d+ bytes, \d+ are published/, longer);
    await refused(/^AMP7012 .*the server sends more than the \d+ bytes that are published/, endless);
    const otherRange: Behaviour = (_body, _from, response) =>
      response.writeHead(206, { 'content-range': 'bytes 7-9/10', 'content-length': 3 }).end('abc');
    await refused(/^AMP7011 .*the server answered with another range than the one asked for/, otherRange);
  });

  it('and always ends too early, or has nothing, leaves nothing that is empty', async () => {
    const nothing: Behaviour = (body, _from, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.flushHeaders();
      response.destroy();
    };
    await refused(/^AMP7011/, nothing);
    await refused(/^AMP7011 .*answered 404/, (_body, _from, response) => response.writeHead(404).end());
  });

  it('and sends another file of the same length is refused', async () => {
    const other: Behaviour = (body, from, response, request) => serve(Buffer.alloc(body.length, 1), from, response, request);
    await refused(/^AMP7012 .*its md5 is \w{32}, not \w{32}/, other);
  });
});

describe('ampc data fetch', function () {
  this.timeout(30_000);
  const set = environment(['AMPC_CIFAR10_URL', 'AMPC_MNIST_URL']);

  it('from a mirror with other bytes is one clear error, and leaves nothing', () =>
    inTemporaryFolder(async (dir) => {
      const body = packed(await whole(dir));
      await withServer(body, [serve], async ({ url }) => {
        set({ AMPC_CIFAR10_URL: url, AMPC_MNIST_URL: url });
        for (const name of ['cifar10', 'mnist']) {
          const { code, stdout, stderr } = await ampc('data', 'fetch', name, '--data', join(dir, name));
          assert.equal(code, 1);
          assert.equal(stdout, '');
          assert.match(
            stderr,
            /^error\[AMP7011\]: cannot download http:.*\n = why: the server has a file of \d+ bytes, \d+ are published\n/,
          );
          assert.deepEqual(below(join(dir, name)), []);
        }
      });
    }));

  it('from what is no address of the web is one clear error', () =>
    inTemporaryFolder(async (dir) => {
      for (const url of ['file:///etc/passwd', 'mirror', 'ftp://127.0.0.1/x']) {
        set({ AMPC_CIFAR10_URL: url, AMPC_MNIST_URL: url });
        for (const name of ['cifar10', 'mnist']) {
          const { code, stderr } = await ampc('data', 'fetch', name, '--data', join(dir, name));
          assert.equal(code, 1);
          assert.match(stderr, /^error\[AMP7011\]: cannot download .*\n = why: it is no address that begins with http/);
          assert.deepEqual(below(join(dir, name)), []);
        }
      }
    }));
});
