import { userError } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { BadFile, naming } from './bad-file.js';
import { readNpyNumbers } from './npy.js';

/** Arrays by name, each read when it is asked for: those of an archive, or the `.npy` files of a folder. */
export type Named = ReadonlyMap<string, () => Uint8Array>;

/** Whose arrays go by a name: those of the images for training, for testing, or of all. */
export type Side = 'train' | 'test' | 'all';

/** So many numbers for each image, by name. */
export type FurtherValues = Readonly<Record<string, Float32Array>>;

/** What a model takes besides images: names, and shapes without the images' axis. */
export type Further = readonly { readonly name: string; readonly shape: readonly number[] }[];

/** Names of the array that has what a model takes besides the images of a side. */
function namesOfFurther(name: string, side: Side): readonly string[] {
  return side === 'all' ? [name] : [`${name}_${side}`, `${side}_${name}`];
}

/**
 * What the model takes besides the images of a side. Throws UserError AMP7016 where an array is missing, AMP7020 where it has another
 * shape.
 */
export function furtherOf(path: string, arrays: Named, side: Side, count: number, further: Further): FurtherValues {
  return Object.fromEntries(
    further.map(({ name, shape }) => {
      const names = namesOfFurther(name, side);
      const found = names.find((candidate) => arrays.has(candidate));
      if (found === undefined)
        throw userError(
          'AMP7016',
          `${path} has no \`${names[0]}\``,
          `the model takes \`${name}\` of each image; the arrays are ${listNames([...arrays.keys()].slice(0, 12), 'and')}`,
          'add it, or take that input out of the model',
        );
      const values = naming(`${path}: ${found}`, () => {
        const read = readNpyNumbers(arrays.get(found)!());
        const expected = [count, ...shape];
        const isList = read.shape.length === 1 && shape.length === 1 && shape[0] === 1;
        if ((isList ? [...read.shape, 1] : read.shape).join() !== expected.join())
          throw new BadFile(`its shape is [${read.shape.join(', ')}]; with ${count} images the model takes [${expected.join(', ')}]`);
        return read.values;
      });
      return [name, values];
    }),
  );
}

/** Of values for each image those of some images; undefined where there are none. */
export function takenOf(further: FurtherValues | undefined, count: number, places: readonly number[]): FurtherValues | undefined {
  if (further === undefined) return undefined;
  const taken = Object.entries(further).map(([name, values]) => {
    const length = values.length / count;
    const part = new Float32Array(places.length * length);
    for (const [to, from] of places.entries()) part.set(values.subarray(from * length, (from + 1) * length), to * length);
    return [name, part] as const;
  });
  return Object.fromEntries(taken);
}
