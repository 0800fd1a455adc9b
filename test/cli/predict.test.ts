import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import { ampc, startAmpc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';
import { painted, pixels, put } from '../training/support/pictures.js';

describe('ampc predict of folders', () => {
  const work = useTiny();
  const [run, photos] = [work.path('run'), work.path('photos')];
  const FILES = [...Array.from({ length: 19 }, (_, index) => `many/${String(index).padStart(2, '0')}.png`), 'one, "two".png'];

  before(async () => {
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', run, '--epochs', '1'));
    assert.equal(code, 0, stderr);
    for (const [index, name] of FILES.entries()) {
      const picture = await painted({ colour: [13 * index, 90, 255 - 13 * index] })
        .png()
        .toBuffer();
      put(photos, name, picture);
    }
    put(photos, 'many/notes.txt', 'not a picture');
    put(photos, 'many/.hidden.png', 'not a picture');
  });

  const paths = FILES.map((name) => join(photos, name));

  it('answers for every picture in them, in more than one batch, as for each alone', async () => {
    const { code, stdout, stderr } = await ampc(...work.args('predict', run, photos, '--json'));
    assert.equal(code, 0, stderr);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ path }) => path),
      paths,
    );
    for (const line of lines) assert.equal(schemaProblem('predict', line), undefined);
    for (const place of [0, 9, 19]) {
      const alone = JSON.parse((await ampc(...work.args('predict', run, paths[place]!, '--json'))).stdout);
      assert.deepEqual(lines[place], alone);
    }
  });

  it('gives CSV, with as many classes as are asked for', async () => {
    const { code, stdout, stderr } = await startAmpc(work.args('predict', run, photos, '--csv', '--top', '2')).result;
    assert.deepEqual([code, stderr], [0, '']);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    assert.equal(head, 'path,class,probability,class_2,probability_2');
    assert.equal(rows.length, FILES.length);
    const [path, best, probability, second, less] = rows[0]!.split(',');
    assert.equal(path, paths[0]);
    assert.match(`${best} ${second}`, /^class\d class\d$/);
    assert.ok(Number(probability) >= Number(less) && Number(less) > 0);
    assert.ok(rows.at(-1)!.startsWith(`"${paths.at(-1)!.replaceAll('"', '""')}",class`), rows.at(-1));
  });

  it('lets one bad file, or an empty folder, cost no other its answer', async () => {
    const [broken, empty] = [work.path('broken'), work.path('empty')];
    put(broken, 'a.png', 'not a picture');
    put(broken, 'b.png', await painted().png().toBuffer());
    mkdirSync(empty);
    const { code, stdout, stderr } = await ampc(...work.args('predict', run, empty, broken, '--csv'));
    assert.equal(code, 1);
    assert.match(stdout, /^path,class,.*\n\S+b\.png,class\d,[^\n]*\n$/);
    assert.match(stderr, /error\[AMP7403\]: there are no pictures in .*empty\n/);
    assert.match(stderr, /error\[AMP7401\]: .*a\.png cannot be read as a picture/);
  });

  it('reads PPM, as the programs of ampc export do, and says why one of 16 bits is not read', async () => {
    const folder = work.path('plain');
    const colours = Array.from({ length: 12 * 8 * 3 }, (_, at) => (at * 7) % 256);
    put(folder, 'a.png', await pixels(12, 8, 3, colours).png().toBuffer());
    put(folder, 'b.ppm', Buffer.concat([Buffer.from('P6 12 8 255\n'), Uint8Array.from(colours)]));
    put(folder, 'c.pgm', Buffer.concat([Buffer.from('P5 1 1 65535\n'), Uint8Array.of(1, 2)]));
    const { code, stdout, stderr } = await ampc(...work.args('predict', run, folder, '--csv'));
    assert.equal(code, 1);
    const [, png, ppm, ...more] = stdout.trimEnd().split('\n');
    assert.equal(ppm!.replace('b.ppm', 'a.png'), png);
    assert.deepEqual(more, []);
    assert.match(stderr, /AMP7401\]: .*c\.pgm cannot be read as a picture\n.*it has 16 bits a channel/);
    assert.match(stderr, /give a file of JPEG, PNG, .* or PGM/);
  });

  it('answers mistakes', async () => {
    const both = await ampc(...work.args('predict', run, photos, '--csv', '--json'));
    assert.equal(both.code, 2);
    assert.match(both.stderr, /'--csv' cannot be used with option '--json'/);
  });
});
