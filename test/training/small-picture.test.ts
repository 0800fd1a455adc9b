import assert from 'node:assert/strict';
import sharp from 'sharp';
import { FILTERS, FITS } from '../../src/datasets/source.js';
import { decodePicture } from '../../src/training/data/picture.js';
import { plainPicture } from '../../src/training/data/plain-picture.js';
import { decodeSmall } from '../../src/training/data/small-picture.js';

/** Waves with a little noise: what photographs are like for a resizing kernel. */
function photograph(width: number, height: number, channels: 1 | 3) {
  const pixels = new Uint8Array(width * height * channels);
  for (let at = 0; at < pixels.length; at++) {
    const [x, y] = [Math.floor(at / channels) % width, Math.floor(at / channels / width)];
    const noise = (Math.imul(at + 1, 2654435761) >>> 24) / 16;
    pixels[at] = 120 + 70 * Math.sin(x / 5 + (at % channels)) + 40 * Math.cos(y / 7) + noise - 8;
  }
  const picture = sharp(pixels, { raw: { width, height, channels } });
  return channels === 1 ? picture.toColourspace('b-w') : picture;
}

const SHARP_FITS = { crop: 'cover', pad: 'contain', stretch: 'fill' } as const;

describe('a small plain picture', () => {
  for (const channels of [1, 3] as const)
    it(`of ${channels} channels has sharp's pixels but for rounding, for every kernel that both have`, async () => {
      const png = await photograph(61, 47, channels).png().toBuffer();
      for (const fit of FITS)
        for (const filter of FILTERS.filter((other) => other !== 'nearest' && other !== 'lanczos2'))
          for (const [height, width] of [
            [47, 61],
            [24, 24],
            [16, 31],
            [12, 12],
          ] as const) {
            const found = decodeSmall(png, [height, width, channels], { fit, filter });
            assert.ok(found !== undefined && found.length === height * width * channels, `${fit} ${filter} ${height}x${width}`);
            const expected = await sharp(png)
              .resize(width, height, { fit: SHARP_FITS[fit], kernel: filter, background: '#000' })
              .toColourspace(channels === 1 ? 'b-w' : 'srgb')
              .raw()
              .toBuffer();
            const far = Array.from(expected, (value, at) => Math.abs(value - found[at]!));
            // The other fits are of whole pixels here, and of parts of one in sharp.
            const [worst, mean] = fit === 'stretch' ? [5, 1] : [40, 3.5];
            const [most, sum] = [Math.max(...far), far.reduce((a, b) => a + b, 0) / far.length];
            assert.ok(most <= worst && sum <= mean, `${fit} ${filter} ${height}x${width}: ${most} levels, ${sum} in the mean`);
          }
    });

  it("in JPEG has sharp's pixels within 4 levels at its own size, and those of its own decoding resized", async () => {
    for (const channels of [1, 3] as const) {
      const jpeg = await photograph(61, 47, channels).jpeg({ quality: 90 }).toBuffer();
      const sizing = { fit: 'stretch', filter: 'lanczos3' } as const;
      const found = decodeSmall(jpeg, [47, 61, channels], sizing)!;
      const expected = await sharp(jpeg)
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .raw()
        .toBuffer();
      for (const [at, value] of expected.entries()) assert.ok(Math.abs(value - found[at]!) <= 4, `${value} and ${found[at]}`);
      const again = sharp(found, { raw: { width: 61, height: 47, channels } });
      const png = await (channels === 1 ? again.toColourspace('b-w') : again).png().toBuffer();
      assert.deepEqual(decodeSmall(jpeg, [12, 15, channels], sizing), decodeSmall(png, [12, 15, channels], sizing));
    }
  });

  it('is one without anything that says more of its pixels than their values', async () => {
    const colour = photograph(9, 7, 3);
    const plain = { width: 9, height: 7, isGrey: false };
    assert.deepEqual(plainPicture(await colour.clone().png().toBuffer()), plain);
    assert.deepEqual(plainPicture(await colour.clone().png({ palette: true, colours: 200 }).toBuffer()), plain);
    assert.deepEqual(plainPicture(await colour.clone().jpeg().toBuffer()), plain);
    assert.deepEqual(plainPicture(await photograph(9, 7, 1).jpeg().toBuffer()), { ...plain, isGrey: true });
    for (const [why, other] of Object.entries({
      turned: colour.clone().withMetadata({ orientation: 6 }).jpeg(),
      'turned PNG': colour.clone().withMetadata({ orientation: 6 }).png(),
      'with a profile': colour.clone().withIccProfile('p3').jpeg(),
      'PNG with a profile': colour.clone().withIccProfile('p3').png(),
      CMYK: colour.clone().toColourspace('cmyk').jpeg(),
      transparent: colour.clone().ensureAlpha(0.5).png(),
      deep: colour.clone().toColourspace('rgb16').png(),
      WebP: colour.clone().webp(),
      GIF: colour.clone().gif(),
    }))
      assert.equal(plainPicture(await other.toBuffer()), undefined, why);
  });

  it('is left to sharp where it is large, where colours become grey, and for kernels that are missing', async () => {
    const bytes = await photograph(60, 40, 3).png().toBuffer();
    const sizing = { fit: 'crop', filter: 'lanczos3' } as const;
    assert.ok(decodeSmall(bytes, [8, 8, 3], sizing));
    assert.ok(decodeSmall(bytes, [8, 8, 4], sizing)!.every((value, at) => at % 4 !== 3 || value === 255));
    assert.equal(decodeSmall(bytes, [8, 8, 1], sizing), undefined);
    assert.equal(decodeSmall(bytes, [8, 8, 3], { ...sizing, filter: 'lanczos2' }), undefined);
    assert.equal(decodeSmall(await photograph(401, 400, 3).png().toBuffer(), [8, 8, 3], sizing), undefined);
    assert.equal((await decodePicture(bytes, [8, 8, 1], { height: 8, width: 8, ...sizing })).length, 64);
  });

  it('that is cut short, or damaged so that it shows, is none', async () => {
    const bytes = { PNG: await photograph(60, 40, 3).png().toBuffer(), JPEG: await photograph(60, 40, 3).jpeg().toBuffer() };
    for (const [name, whole] of Object.entries(bytes)) {
      const at = Math.floor(0.6 * whole.length);
      const damaged = Object.entries({
        cut: whole.subarray(0, whole.length - 200),
        noise: Buffer.concat([whole.subarray(0, at), Buffer.alloc(40, 0xff), whole.subarray(at + 40)]),
      });
      for (const [how, picture] of damaged) await assert.rejects(decodePicture(picture, [8, 8, 3]), Error, `${name} ${how}`);
      assert.equal((await decodePicture(whole, [8, 8, 3])).length, 192);
    }
  });
});
