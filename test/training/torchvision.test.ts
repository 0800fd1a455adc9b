import assert from 'node:assert/strict';
import { type ImageRow, imageOps } from '../../src/datasets/image-ops.js';
import { applyRow } from '../../src/training/data/image-primitives.js';
import fixture from '../fixtures/torchvision/augmentations.json' with { type: 'json' };

const { height, width, spaces } = fixture;
const unpacked = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

type Place = 'ShearX' | 'ShearY' | 'TranslateX' | 'TranslateY' | 'Rotate';
type Factor = 'Brightness' | 'Color' | 'Contrast' | 'Sharpness';
type Change = 'Identity' | Place | Factor | 'Posterize' | 'Solarize' | 'AutoContrast' | 'Equalize';

/**
 * In the order of torchvision, which is that of the rows. How many of 255 levels a value may differ: the weights of places have 8 bits
 * here, and Pillow cuts off what a factor makes of a value, where it is rounded here.
 */
const LEVELS = {
  Identity: 0,
  ShearX: 1,
  ShearY: 1,
  TranslateX: 0,
  TranslateY: 0,
  Rotate: 1,
  Brightness: 1,
  Color: 1,
  Contrast: 1,
  Sharpness: 1,
  Posterize: 0,
  Solarize: 0,
  AutoContrast: 1,
  Equalize: 0,
} as const satisfies Record<Change, number>;
const CHANGES = Object.keys(LEVELS) as readonly Change[];

type Space = keyof typeof spaces;

/** The two rows of a change at a strength of 0 to 30: those with a sign have one with each. */
function rowsOf(space: Space, change: Change, bin: number): readonly [ImageRow, ImageRow] {
  const size = [height, width] as const;
  const at = 2 * CHANGES.indexOf(change);
  const [op] = imageOps([space === 'rand_augment' ? { kind: space, n: 1, magnitude: bin } : { kind: space }], size);
  const first = space === 'rand_augment' ? at : 28 * bin + at;
  return [op!.rows[first]!, op!.rows[first + 1]!];
}

function changed(row: ImageRow, place: { readonly down: number; readonly right: number } = { down: 0, right: 0 }): Uint8Array {
  const pixels = unpacked(fixture.image);
  applyRow({ pixels, height, width, channels: 3, blank: new Uint8Array(3), ...place }, row);
  return pixels;
}

/** The largest difference of two images. */
function levels(ours: Uint8Array, theirs: string): number {
  const values = unpacked(theirs);
  assert.equal(ours.length, values.length);
  return ours.reduce((most, value, at) => Math.max(most, Math.abs(value - values[at]!)), 0);
}

const near = (value: number | undefined, wanted: number): boolean => Math.abs(value! / 65536 - wanted) < 2e-5;

/** Whether a row has the strength that torchvision's change has, with its sign. */
const STRENGTHS = {
  Identity: () => true,
  ShearX: ([a, b, , c], at) => near(a, 1) && near(b, at) && c === 0,
  ShearY: ([, b, , c, d], at) => near(d, 1) && near(c, at) && b === 0,
  TranslateX: ([, , x, , , y], at) => x === -65536 * Math.trunc(at) && y === 0,
  TranslateY: ([, , x, , , y], at) => y === -65536 * Math.trunc(at) && x === 0,
  Rotate: ([cos, , , sin], at) => near(cos, Math.cos((at * Math.PI) / 180)) && near(sin, Math.sin((at * Math.PI) / 180)),
  Brightness: ([factor], at) => near(factor, 1 + at),
  Color: ([factor], at) => near(factor, 1 + at),
  Contrast: ([factor], at) => near(factor, 1 + at),
  Sharpness: ([factor], at) => near(factor, 1 + at),
  Posterize: ([mask], bits) => mask === 256 - 2 ** (8 - bits),
  Solarize: ([from], at) => from === Math.ceil(at),
  AutoContrast: () => true,
  Equalize: () => true,
} as const satisfies Record<Change, (numbers: readonly number[], magnitude: number) => boolean>;

const SIGNED: readonly Change[] = CHANGES.slice(1, 10);

describe("torchvision's changes of images", () => {
  for (const space of ['rand_augment', 'trivial_augment'] as const) {
    it(`are those of ${space}, as strong at all 31 strengths, once with each sign`, () => {
      const { magnitudes } = spaces[space];
      assert.deepEqual(Object.keys(magnitudes), CHANGES);
      for (const change of CHANGES)
        for (const [bin, magnitude] of magnitudes[change].entries()) {
          const [first, second] = rowsOf(space, change, bin);
          const told = (row: ImageRow, at: number) => assert.ok(STRENGTHS[change](row.numbers, at), `${change} ${at}: ${row.numbers}`);
          told(first, magnitude);
          told(second, SIGNED.includes(change) ? -magnitude : magnitude);
        }
    });

    it(`make of an image what those of ${space} do, within their levels`, () => {
      for (const { op, bin, sign, image } of spaces[space].cases) {
        const change = op as Change;
        const difference = levels(changed(rowsOf(space, change, bin)[sign > 0 ? 0 : 1]), image);
        assert.ok(difference <= LEVELS[change], `${change} ${sign * bin}: ${difference} levels`);
      }
    });
  }

  it('turn hues as it does on tensors, within one level; Pillow rounds hues to 256 of the circle and differs by more', () => {
    const [ours, pillow] = fixture.hues
      .map(({ factor, image, pillow }) => {
        const numbers = [Math.round(6 * 65536 * (factor < 0 ? factor + 1 : factor)) % (6 * 65536)];
        const pixels = changed({ primitive: 'hue', numbers });
        return [levels(pixels, image), levels(pixels, pillow)] as const;
      })
      .reduce(([a, b], [c, d]) => [Math.max(a, c), Math.max(b, d)]);
    assert.ok(ours <= 1, `${ours}`);
    assert.ok(pillow > 1 && pillow <= 9, `${pillow}`);
  });

  it('resize windows within one level, and take colours away exactly', () => {
    for (const { window, image } of fixture.windows) {
      const [top, left, rows, columns] = window as [number, number, number, number];
      // The draws that lead to this corner.
      const place = (corner: number, choices: number) => Math.ceil((corner * 65536) / choices);
      const at = { down: place(top, height - rows + 1), right: place(left, width - columns + 1) };
      const difference = levels(changed({ primitive: 'window', numbers: [rows, columns] }, at), image);
      assert.ok(difference <= 1, `${window}: ${difference}`);
    }
    assert.equal(levels(changed({ primitive: 'grayscale', numbers: [] }), fixture.grey), 0);
  });
});
