import { fnv1a32, threefry2x32 } from '../../random/threefry.js';
import { CHANNELS, IMAGE_BYTES, SIDE } from './binary.js';
import type { ImageSet, Split } from './dataset.js';
import type { FolderLayout } from './folder.js';
import { OUTLINE_REACH, OUTLINES, SHAPE_CLASSES } from './shapes-draw.js';

/** Where `fetch` writes the generated records, for use by other tools; the number changes when the pictures do. */
export const SHAPES: FolderLayout = {
  name: 'shapes',
  folder: 'shapes-1-batches-bin',
  files: { train: ['data_batch_1.bin'], test: ['test_batch.bin'] },
  classesFile: 'batches.meta.txt',
  classes: SHAPE_CLASSES.length,
};

const COUNTS: Readonly<Record<Split, number>> = { train: 10_000, test: 2_000 };
/** Least distance between the shape's colour and each of the background's, of 441 from black to white. */
const LEAST_CONTRAST = 75;

type Colour = readonly [red: number, green: number, blue: number];

/** Uniform numbers of one image: any image can be drawn without the ones before it. */
class Draws {
  private next = 0;
  private spare: number | undefined;

  constructor(
    private readonly seed: number,
    private readonly stream: number,
    private readonly image: number,
  ) {}

  word(): number {
    const spare = this.spare;
    if (spare !== undefined) {
      this.spare = undefined;
      return spare;
    }
    const [first, second] = threefry2x32(this.seed, this.stream, this.image, this.next++);
    this.spare = second;
    return first;
  }

  real(low: number, high: number): number {
    return low + ((high - low) * this.word()) / 0x1_0000_0000;
  }

  chance(probability: number): boolean {
    return this.real(0, 1) < probability;
  }

  colour(): Colour {
    return [this.real(0, 255), this.real(0, 255), this.real(0, 255)];
  }
}

function contrast(a: Colour, b: Colour): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** A colour per point: two colours mixed along a direction, as a gradient or as stripes. */
function drawPattern(draws: Draws, from: Colour, to: Colour): (x: number, y: number, out: Float64Array) => void {
  const angle = draws.real(0, 2 * Math.PI);
  const striped = draws.chance(0.5);
  const period = striped ? draws.real(3, 9) : draws.real(60, 120);
  const phase = draws.real(0, 2 * Math.PI);
  const stepX = (2 * Math.PI * Math.cos(angle)) / period;
  const stepY = (2 * Math.PI * Math.sin(angle)) / period;
  return (x, y, out) => {
    const mix = 0.5 + 0.5 * Math.sin(stepX * x + stepY * y + phase);
    for (let channel = 0; channel < CHANNELS; channel++) {
      out[channel] = (from[channel] as number) * (1 - mix) + (to[channel] as number) * mix;
    }
  };
}

/** Mixes `colour` into every pixel as far as `coverage(x, y)` says (0 to 1, pixel centres at whole numbers). */
function paint(canvas: Float64Array, coverage: (x: number, y: number) => number, colour: (x: number, y: number, out: Float64Array) => void): void {
  const ink = new Float64Array(CHANNELS);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const part = coverage(x, y);
      if (part <= 0) continue;
      colour(x, y, ink);
      const at = (y * SIDE + x) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++) {
        canvas[at + channel] = (canvas[at + channel] as number) * (1 - part) + (ink[channel] as number) * part;
      }
    }
  }
}

function plain(colour: Colour): (x: number, y: number, out: Float64Array) => void {
  return (_x, _y, out) => out.set(colour);
}

/** Full inside, nothing outside, and the covered fraction of a pixel at the edge. */
function antialias(distanceInPixels: number): number {
  return Math.min(1, Math.max(0, 0.5 - distanceInPixels));
}

interface Placement {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

function placeShape(draws: Draws): Placement {
  const radius = draws.real(6, 12);
  const reach = SIDE / 2 - 0.75 * radius;
  return { x: SIDE / 2 - 0.5 + draws.real(-reach, reach), y: SIDE / 2 - 0.5 + draws.real(-reach, reach), radius };
}

function shapeCoverage(draws: Draws, label: number, { x: centreX, y: centreY, radius }: Placement): (x: number, y: number) => number {
  const outline = OUTLINES[label];
  if (outline === undefined) throw new Error(`no shape ${label}`);
  const angle = draws.real(0, 2 * Math.PI);
  const cos = Math.cos(angle) / radius;
  const sin = Math.sin(angle) / radius;
  const stretch = Math.exp(draws.real(-0.15, 0.15));
  return (x, y) => {
    const offX = x - centreX;
    const offY = y - centreY;
    if (offX * offX + offY * offY > (OUTLINE_REACH * radius * 1.2 + 1) ** 2) return 0;
    return antialias(outline((cos * offX + sin * offY) * stretch, (cos * offY - sin * offX) / stretch) * radius);
  };
}

/** A bar in a colour of its own: clutter in the background or, drawn last, something in the way. */
function paintBar(canvas: Float64Array, draws: Draws, through: { readonly x: number; readonly y: number }, halfLength: number): void {
  const angle = draws.real(0, 2 * Math.PI);
  const halfWidth = draws.real(0.8, 2.2);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const bar = (x: number, y: number): number => {
    const along = Math.abs(cos * (x - through.x) + sin * (y - through.y)) - halfLength;
    const across = Math.abs(cos * (y - through.y) - sin * (x - through.x)) - halfWidth;
    return antialias(Math.max(along, across));
  };
  paint(canvas, bar, plain(draws.colour()));
}

function paintDot(canvas: Float64Array, draws: Draws): void {
  const x = draws.real(0, SIDE);
  const y = draws.real(0, SIDE);
  const radius = draws.real(1, 3);
  paint(canvas, (px, py) => antialias(Math.hypot(px - x, py - y) - radius), plain(draws.colour()));
}

/** Rounds the canvas to bytes with sensor-like noise of up to `strength` levels (triangular). */
function develop(canvas: Float64Array, strength: number, seed: number, images: Uint8Array, at: number): void {
  // Marsaglia's xorshift32: 3,072 values an image, where quality does not matter and speed does.
  let state = seed | 1;
  for (let index = 0; index < IMAGE_BYTES; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const noise = (((state & 0xffff) - (state >>> 16)) / 0x1_0000) * strength;
    images[at + index] = Math.min(255, Math.max(0, Math.round((canvas[index] as number) + noise)));
  }
}

function drawImage(draws: Draws, label: number, canvas: Float64Array, images: Uint8Array, at: number): void {
  const ground = draws.colour();
  let ground2 = draws.colour();
  let fill = draws.colour();
  for (let attempt = 0; attempt < 32 && Math.min(contrast(fill, ground), contrast(fill, ground2)) < LEAST_CONTRAST; attempt++) {
    ground2 = draws.colour();
    fill = draws.colour();
  }
  paint(canvas, () => 1, drawPattern(draws, ground, ground2));
  for (let clutter = Math.floor(draws.real(0, 4)); clutter > 0; clutter--) paintDot(canvas, draws);
  if (draws.chance(0.3)) paintBar(canvas, draws, { x: draws.real(0, SIDE), y: draws.real(0, SIDE) }, SIDE);
  const place = placeShape(draws);
  const shade: Colour = [fill[0] + draws.real(-40, 40), fill[1] + draws.real(-40, 40), fill[2] + draws.real(-40, 40)];
  paint(canvas, shapeCoverage(draws, label, place), drawPattern(draws, fill, shade));
  if (draws.chance(0.4)) {
    const through = { x: place.x + draws.real(-0.8, 0.8) * place.radius, y: place.y + draws.real(-0.8, 0.8) * place.radius };
    paintBar(canvas, draws, through, draws.real(3, 12));
  }
  develop(canvas, draws.real(5, 45), draws.word(), images, at);
}

/**
 * 32x32 colour pictures of ten kinds of shapes at random places, sizes, angles and colours, on patterned and cluttered grounds, partly
 * covered, with noise. Image i of a split shows class i mod 10 and depends on nothing but `seed`, the split and i.
 */
export function generateShapes(split: Split, { seed = 0, count = COUNTS[split] }: { readonly seed?: number; readonly count?: number } = {}): ImageSet {
  const images = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  const canvas = new Float64Array(IMAGE_BYTES);
  const stream = fnv1a32(`shapes.${split}`);
  for (let index = 0; index < count; index++) {
    const label = index % SHAPE_CLASSES.length;
    labels[index] = label;
    drawImage(new Draws(seed, stream, index), label, canvas, images, index * IMAGE_BYTES);
  }
  return { images, labels, count, shape: [SIDE, SIDE, CHANNELS] };
}
