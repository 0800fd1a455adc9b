import { DATASETS, SHAPE_CLASSES, SHAPES_SIDE, type Split } from '../../datasets/registry.js';
import { fnv1a32, threefry2x32 } from '../../random/threefry.js';
import { CHANNELS, SIDE } from './binary.js';
import type { ImageSet } from './dataset.js';
import { distance, OUTLINE_REACH, OUTLINES } from './shapes-draw.js';

/** Largest turn either way, in radians; the arrow points right and the triangle up, more or less. */
const MOST_TURN = 0.4;
/** Logarithm of the largest factor by which the width grows and the height shrinks, or the other way round. */
const MOST_STRETCH = 0.15;

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

  /** Any hue; its brightest channel lies between `low` and `high`. */
  colour(low: number, high: number): Colour {
    const raw: Colour = [this.real(0, 1), this.real(0, 1), this.real(0, 1)];
    const factor = this.real(low, high) / Math.max(...raw);
    return [raw[0] * factor, raw[1] * factor, raw[2] * factor];
  }

  /** A colour near another. */
  near(colour: Colour, distance: number): Colour {
    return [
      colour[0] + this.real(-distance, distance),
      colour[1] + this.real(-distance, distance),
      colour[2] + this.real(-distance, distance),
    ];
  }
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
      out[channel] = from[channel] * (1 - mix) + to[channel] * mix;
    }
  };
}

/** Where a picture is painted. Places and lengths are in units of 1/32 of its side, whatever number of pixels it has. */
interface Canvas {
  readonly pixels: Float64Array;
  readonly side: number;
  /** Pixels to a unit. */
  readonly scale: number;
}

/** All at most `reach` from (x, y) in either direction. */
interface Area {
  readonly x: number;
  readonly y: number;
  readonly reach: number;
}

const EVERYWHERE: Area = { x: 0, y: 0, reach: SIDE };

/**
 * Mixes `colour` into the pixels of `area` as far as they are inside: by `distance(x, y)` to the edge, negative within. The centres of
 * pixels are at whole numbers where a picture has 32 a side.
 */
function paint(
  { pixels, side, scale }: Canvas,
  area: Area,
  distance: (x: number, y: number) => number,
  colour: (x: number, y: number, out: Float64Array) => void,
): void {
  const ink = new Float64Array(CHANNELS);
  const pixel = (place: number) => (place + 0.5) * scale - 0.5;
  const right = Math.min(side - 1, Math.ceil(pixel(area.x + area.reach)));
  const bottom = Math.min(side - 1, Math.ceil(pixel(area.y + area.reach)));
  for (let row = Math.max(0, Math.floor(pixel(area.y - area.reach))); row <= bottom; row++) {
    const y = (row + 0.5) / scale - 0.5;
    for (let column = Math.max(0, Math.floor(pixel(area.x - area.reach))); column <= right; column++) {
      const x = (column + 0.5) / scale - 0.5;
      const part = antialias(distance(x, y) * scale);
      if (part <= 0) continue;
      colour(x, y, ink);
      const at = (row * side + column) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++) {
        pixels[at + channel] = pixels[at + channel] * (1 - part) + ink[channel] * part;
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
  const radius = draws.real(8, 12.5);
  const reach = 0.85 * (SIDE / 2 - radius) + 0.5;
  return { x: SIDE / 2 - 0.5 + draws.real(-reach, reach), y: SIDE / 2 - 0.5 + draws.real(-reach, reach), radius };
}

function shapeDistance(draws: Draws, label: number, { x: centreX, y: centreY, radius }: Placement): (x: number, y: number) => number {
  const outline = OUTLINES[SHAPE_CLASSES[label]!];
  const angle = draws.real(-MOST_TURN, MOST_TURN);
  const cos = Math.cos(angle) / radius;
  const sin = Math.sin(angle) / radius;
  const stretch = Math.exp(draws.real(-MOST_STRETCH, MOST_STRETCH));
  return (x, y) => {
    const offX = x - centreX;
    const offY = y - centreY;
    return outline((cos * offX + sin * offY) * stretch, (cos * offY - sin * offX) / stretch) * radius;
  };
}

/** A bar in a colour of its own: clutter in the background or, drawn last, something in the way. */
function paintBar(canvas: Canvas, draws: Draws, through: { readonly x: number; readonly y: number }, halfLength: number): void {
  const angle = draws.real(0, 2 * Math.PI);
  const halfWidth = draws.real(0.8, 2.2);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const bar = (x: number, y: number): number => {
    const along = Math.abs(cos * (x - through.x) + sin * (y - through.y)) - halfLength;
    const across = Math.abs(cos * (y - through.y) - sin * (x - through.x)) - halfWidth;
    return Math.max(along, across);
  };
  paint(canvas, { ...through, reach: halfLength + halfWidth + 1 }, bar, plain(draws.colour(20, 200)));
}

function paintDot(canvas: Canvas, draws: Draws): void {
  const x = draws.real(0, SIDE);
  const y = draws.real(0, SIDE);
  const radius = draws.real(1, 3);
  paint(canvas, { x, y, reach: radius + 1 }, (px, py) => distance(px - x, py - y) - radius, plain(draws.colour(20, 200)));
}

/** Rounds the canvas to bytes with sensor-like noise of up to `strength` levels (triangular). */
function develop({ pixels }: Canvas, strength: number, seed: number, images: Uint8ClampedArray, at: number): void {
  // Marsaglia's xorshift32: 3,072 values an image and more, where quality does not matter and speed does.
  let state = seed | 1;
  for (let index = 0; index < pixels.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const noise = (((state & 0xffff) - (state >>> 16)) / 0x1_0000) * strength;
    images[at + index] = pixels[index] + noise;
  }
}

function drawImage(draws: Draws, label: number, canvas: Canvas, images: Uint8ClampedArray, at: number): void {
  const ground = draws.colour(20, 130);
  const fill = draws.colour(150, 255);
  paint(canvas, EVERYWHERE, () => -1, drawPattern(draws, ground, draws.near(ground, 40)));
  for (let clutter = Math.floor(draws.real(0, 4)); clutter > 0; clutter--) paintDot(canvas, draws);
  const place = placeShape(draws);
  const reach = OUTLINE_REACH * Math.exp(MOST_STRETCH) * place.radius + 1;
  paint(canvas, { ...place, reach }, shapeDistance(draws, label, place), drawPattern(draws, fill, draws.near(fill, 40)));
  if (draws.chance(0.4)) {
    const through = { x: place.x + draws.real(-0.8, 0.8) * place.radius, y: place.y + draws.real(-0.8, 0.8) * place.radius };
    paintBar(canvas, draws, through, draws.real(3, 12));
  }
  develop(canvas, draws.real(5, 40), draws.word(), images, at);
}

export interface ShapesOptions {
  readonly seed?: number;
  readonly count?: number;
  /** Rows and columns. */
  readonly side?: number;
}

/**
 * Square colour pictures, 32x32 unless `side` says otherwise, of ten kinds of shapes at random places, sizes, angles and colours, on
 * patterned and cluttered grounds, partly covered, with noise. Image i of a split shows class i mod 10 and depends on nothing but `seed`,
 * the split, i and, in pixels and noise, `side`.
 */
export function generateShapes(
  split: Split,
  { seed = 0, count = DATASETS.shapes.images[split], side = SHAPES_SIDE }: ShapesOptions = {},
): ImageSet {
  const bytes = side * side * CHANNELS;
  const set: ImageSet = { images: new Uint8Array(count * bytes), labels: new Int32Array(count), count, shape: [side, side, CHANNELS] };
  const clamped = new Uint8ClampedArray(set.images.buffer);
  const canvas: Canvas = { pixels: new Float64Array(bytes), side, scale: side / SIDE };
  const stream = fnv1a32(`shapes.${split}`);
  for (let index = 0; index < count; index++) {
    const label = index % SHAPE_CLASSES.length;
    set.labels[index] = label;
    drawImage(new Draws(seed, stream, index), label, canvas, clamped, index * bytes);
  }
  return set;
}
