import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Transformer } from '@napi-rs/image';
import sharp from 'sharp';
import { isPictureName, PICTURE_FORMATS } from '../../src/datasets/picture-formats.js';
import { DEFAULT_SIZING } from '../../src/datasets/source.js';
import { decodePicture, pictureSize } from '../../src/training/data/picture.js';
import { looksWhole } from '../../src/training/data/picture-ends.js';
import { pixels } from './support/pictures.js';

const VALUES = Array.from({ length: 6 * 4 * 3 }, (_, at) => (at * 37) % 256);
const GREYS = VALUES.slice(0, 24);

function pnm(header: string, values: readonly number[]): Uint8Array {
  return Buffer.concat([Buffer.from(header, 'latin1'), Uint8Array.from(values)]);
}

const PPM = pnm('P6\n6 4\n255\n', VALUES);
const PGM = pnm('P5 6 4 255\n', GREYS);

describe('a picture of PPM or PGM', () => {
  it('has the pixels that are in it, whatever its header looks like', async () => {
    assert.deepEqual([...(await decodePicture(PPM, [4, 6, 3]))], VALUES);
    assert.deepEqual([...(await decodePicture(PGM, [4, 6, 1]))], GREYS);
    const commented = pnm('P6 # made by hand\n# 9 9\r6\t# across\n 4\n# white:\n255\n', VALUES);
    assert.deepEqual([...(await decodePicture(commented, [4, 6, 3]))], VALUES);
    const several = Buffer.concat([PGM, PGM]);
    assert.deepEqual([...(await decodePicture(several, [4, 6, 1]))], GREYS);
    const few = pnm(
      'P5\n6 4\n15\n',
      Array.from({ length: 24 }, (_, at) => at % 16),
    );
    assert.deepEqual(
      [...(await decodePicture(few, [4, 6, 1]))],
      Array.from({ length: 24 }, (_, at) => 17 * (at % 16)),
    );
  });

  it('is resized and brought to other channels as the PNG of the same pixels', async () => {
    const png = {
      colour: await pixels(6, 4, 3, VALUES).png().toBuffer(),
      grey: await pixels(6, 4, 1, GREYS).toColourspace('b-w').png().toBuffer(),
    };
    for (const [height, width] of [
      [4, 6],
      [2, 3],
      [9, 9],
    ] as const)
      for (const channels of [1, 2, 3, 4]) {
        const size = { ...DEFAULT_SIZING, height, width };
        const shape = [height, width, channels];
        const decoded = async (bytes: Uint8Array) => [...(await decodePicture(bytes, shape, size))];
        assert.deepEqual(await decoded(PPM), await decoded(png.colour), `${shape}`);
        assert.deepEqual(await decoded(PGM), await decoded(png.grey), `grey ${shape}`);
      }
  });

  it('says its size, and whether all of it is there', async () => {
    assert.deepEqual(await pictureSize(PPM), { width: 6, height: 4 });
    assert.equal(await pictureSize(PPM.subarray(0, 20)), undefined);
    assert.ok(looksWhole(PPM, PPM, PPM.length));
    assert.ok(!looksWhole(PPM, PPM, PPM.length - 1));
  });

  it('of another kind, with 16 bits, or damaged, is refused in words', async () => {
    for (const [bytes, why] of [
      [
        pnm('P6\n6 4\n65535\n', [...VALUES, ...VALUES]),
        /16 bits a channel \(its largest value is 65535\), and 8 are read: write it with 255/,
      ],
      [pnm('P5\n6 4\n256\n', [...GREYS, ...GREYS]), /16 bits a channel/],
      [pnm('P3\n1 1\n255\n', [49, 32, 49, 32, 49]), /it is a PPM in text: write it as binary PPM \(P6\)/],
      [pnm('P2\n1 1\n255\n', [49]), /it is a PGM in text/],
      [pnm('P4\n8 1\n', [255]), /it is a PBM, of black and white alone/],
      [pnm('P7\nWIDTH 1\n', []), /it is a PAM/],
      [pnm('P6\n6 x\n255\n', VALUES), /its header is damaged/],
      [pnm('P6\n0 4\n255\n', VALUES), /its header is damaged/],
      [pnm('P6\n', []), /its header is damaged/],
      [PPM.subarray(0, PPM.length - 1), /it is cut off: with 6x4 pixels it has 83 bytes, and 82 are there/],
    ] as const)
      await assert.rejects(decodePicture(bytes, [4, 6, 3]), why);
  });
});

describe('a picture of BMP', () => {
  const bmp = async (channels: 1 | 3) =>
    new Transformer(
      await pixels(6, 4, channels, channels === 1 ? GREYS : VALUES)
        .png()
        .toBuffer(),
    ).bmpSync();

  it('has the pixels that are in it, and is resized', async () => {
    assert.deepEqual([...(await decodePicture(await bmp(3), [4, 6, 3]))], VALUES);
    assert.deepEqual([...(await decodePicture(await bmp(1), [4, 6, 1]))], GREYS);
    const raw = { raw: { width: 6, height: 4, channels: 3 } } as const;
    const expected = await sharp(Uint8Array.from(VALUES), raw).resize(3, 2, { fit: 'cover' }).raw().toBuffer();
    assert.deepEqual([...(await decodePicture(await bmp(3), [2, 3, 3]))], [...expected]);
    assert.deepEqual(await pictureSize(await bmp(3)), { width: 6, height: 4 });
  });

  it('that is damaged is refused', async () => {
    const whole = await bmp(3);
    await assert.rejects(decodePicture(whole.subarray(0, whole.length - 9), [4, 6, 3]), Error);
    await assert.rejects(decodePicture(whole.subarray(0, 30), [4, 6, 3]), Error);
    await assert.rejects(decodePicture(Buffer.from('BMhello'), [4, 6, 3]), Error);
  });
});

describe('a grey picture of the size that is asked for', () => {
  it('is grey in three channels, and in four', async () => {
    for (const bytes of [await pixels(6, 4, 1, GREYS).toColourspace('b-w').png().toBuffer(), PGM]) {
      assert.deepEqual(
        [...(await decodePicture(bytes, [4, 6, 3]))],
        GREYS.flatMap((value) => [value, value, value]),
      );
      assert.deepEqual(
        [...(await decodePicture(bytes, [4, 6, 4]))],
        GREYS.flatMap((value) => [value, value, value, 255]),
      );
    }
  });
});

describe('the formats of pictures', () => {
  it('are told by names, in small letters or capitals', () => {
    for (const name of ['a.PNG', 'b/c.jpeg', 'x.ppm', 'x.pgm', 'x.bmp', 'IMG_1.HEIC']) assert.ok(isPictureName(name), name);
    for (const name of ['png', '.png', 'a.txt', 'ppm.zip', 'a.amp']) assert.ok(!isPictureName(name), name);
  });

  it('that are read are those that docs/language.md names', () => {
    const text = readFileSync('docs/language.md', 'utf8');
    const listed = /Pictures are ([^[]*)\[sharp\]/.exec(text)?.[1] ?? '';
    for (const { name, isRead } of PICTURE_FORMATS) assert.equal(listed.includes(name), isRead, name);
  });
});
