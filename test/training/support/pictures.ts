import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

export interface Paint {
  readonly width?: number;
  readonly height?: number;
  readonly colour?: readonly [red: number, green: number, blue: number];
}

/** A picture of one colour. */
export function painted({ width = 12, height = 8, colour: [r, g, b] = [200, 40, 80] }: Paint = {}): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

/** A picture of these pixels, HWC. */
export function pixels(width: number, height: number, channels: 1 | 2 | 3 | 4, values: readonly number[]): Sharp {
  return sharp(Uint8Array.from(values), { raw: { width, height, channels } });
}

/** Writes a file, with the folders above it. */
export function put(root: string, path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
}

export const COLOURS = { cats: [220, 40, 40], dogs: [40, 40, 220] } as const;

/** `train` and `test` with the classes of COLOURS, `perClass` and two pictures of each: PNG, of several sizes and of one colour. */
export async function pictureFolder(root: string, perClass = 6): Promise<void> {
  for (const [split, count] of [
    ['train', perClass],
    ['test', 2],
  ] as const)
    for (const [name, colour] of Object.entries(COLOURS))
      for (let i = 0; i < count; i++)
        put(
          root,
          `${split}/${name}/${i}.png`,
          await painted({ width: 9 + (i % 5), height: 12 - (i % 7), colour })
            .png()
            .toBuffer(),
        );
}
