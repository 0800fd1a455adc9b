import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, normalize } from 'node:path';
import { type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { UserError, userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { fileFix, fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import { isThere } from '../files/system-error.js';
import type { ImportedModel } from '../interchange/onnx/import/import.js';
import { checkSource } from '../lower/lower.js';
import { formatAmp } from '../parser/format.js';
import { writeSafetensors } from '../training/safetensors.js';

export interface ImportOptions {
  /** The folder of the results, or the `.amp` file; default: the present folder, and the name of the model's file. */
  readonly out?: string | undefined;
  /** What stands in `normalize(…)` of the file, such as `imagenet`; default: what the model does with pixels. */
  readonly normalize?: string | undefined;
}

export interface ImportResult {
  /** The `.amp` file. */
  readonly file: string;
  /** The safetensors file. */
  readonly weights: string;
  readonly model: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly notices: readonly string[];
}

/** Parts of the reader, and of protobufjs, which nothing else needs. */
async function reader() {
  const [schema, onnx, tensors] = await Promise.all([
    import('../interchange/onnx/schema.js'),
    import('../interchange/onnx/import/import.js'),
    import('../interchange/onnx/import/tensors.js'),
  ]);
  return { ...schema, ...onnx, ...tensors };
}

function refused(path: string, why: string): UserError {
  return userError(
    'AMP6421',
    `${path} cannot be a model of ampc`,
    why,
    'a model takes an image, perhaps with numbers in f32, and results in numbers or an image; export it again as such',
  );
}

async function read(path: string): Promise<ImportedModel> {
  const { decodeModel, importOnnx, ImportRefused, Inexpressible } = await reader();
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw userError('AMP6101', `cannot read ${path}`, fileReason(error), fileFix(error));
  }
  const decode = () => {
    try {
      return decodeModel(bytes);
    } catch (error) {
      throw userError(
        'AMP6422',
        `${path} is not an ONNX model`,
        (error as Error).message,
        'give a .onnx file, as torch.onnx.export writes it',
      );
    }
  };
  const model = decode();
  if (model.graph === undefined)
    throw userError('AMP6422', `${path} is not an ONNX model`, 'it has no graph', 'give a .onnx file, as torch.onnx.export writes it');
  // Beside the model, and nowhere else.
  const beside = (location: string): Uint8Array => {
    const place = normalize(location);
    if (location === '' || isAbsolute(place) || place.split(/[\\/]/).includes('..'))
      throw new Inexpressible(`its numbers lie in '${location}', outside of its folder`);
    try {
      return readFileSync(join(dirname(path), place));
    } catch (error) {
      throw new Inexpressible(`its numbers lie in ${location} beside it, and that cannot be read: ${fileReason(error)}`);
    }
  };
  try {
    return importOnnx(model, beside);
  } catch (error) {
    if (!(error instanceof ImportRefused)) throw error;
    if (error.nodes.length === 0) throw refused(path, error.message);
    throw new UserError(
      error.nodes.map(({ type, name, why }) => ({
        code: 'AMP6420',
        severity: 'error',
        message: `${path}: the node ${name} (${type}) has no layer in ampc`,
        why,
        fix: 'export the model without it, or write that part of the .amp file by hand',
      })),
    );
  }
}

function textOf(
  path: string,
  { name, image, further, result, body, normalize: measured, producer }: ImportedModel,
  normalizeBy: string | undefined,
): string {
  const [height, width, channels] = image;
  const size = height === width ? `size(${height})` : `size([${height}, ${width}])`;
  const takes = [{ name: 'image', shape: image }, ...further].map(({ name, shape }) => `${name}: [${shape.join(', ')}]`).join(', ');
  const folder = channels === 3 ? 'folder("images")' : `folder("images", channels: ${channels})`;
  const loss = result.length === 1 ? 'cross_entropy' : 'mse(target: image)';
  const made = producer === '' ? '' : `, which ${producer} had made`;
  const arrays = ['x_train', 'y_train', ...further.map(({ name }) => `${name}_train`)].join(', ');
  const [data, sizing, source] =
    further.length === 0
      ? ['a folder images/ with train/ and test/, in each a subfolder for every class', `\n  ${size}`, folder]
      : [`images.npz with the arrays ${arrays}, and the same for test`, '', 'npz("images.npz")'];
  return `# From ${basename(path)}${made}. Its images: ${data}.

dataset ${source} {${sizing}
  normalize(${normalizeBy ?? measured})
}

model ${name}(${takes}) -> [${result.join(', ')}] {
${body}
}

precision { compute fp32 }

train {
  loss ${loss}
  optimizer adamw(lr: 1e-4)
  batch 32
  epochs 10
}
`;
}

async function placesOf(path: string, out: string | undefined): Promise<{ readonly file: string; readonly weights: string }> {
  const name = basename(path, extname(path));
  const file = out?.endsWith('.amp') ? out : join(out ?? '.', `${name}.amp`);
  const weights = `${file.slice(0, -'.amp'.length)}.safetensors`;
  for (const place of [file, weights])
    if (await isThere(place))
      throw userError('AMP6423', `${place} is there already`, 'it would be replaced', 'name another place with --out, or move it away');
  return { file, weights };
}

/**
 * Writes the network of an ONNX model as a `.amp` file, and its weights beside it. Throws UserError AMP6420 for each node that has no
 * layer, AMP6421 for a model of another kind, AMP6422 for a file that is none, AMP6423 rather than replace a file,
 * AMP6424 for a `normalize` that the model has itself.
 */
export async function importModel(path: string, options: ImportOptions = {}): Promise<ImportResult> {
  refuseUnknown('importModel', options, { normalize: true, out: true } satisfies KeysOf<ImportOptions>);
  const model = await read(path);
  if (options.normalize !== undefined && model.unsaid === undefined)
    throw userError(
      'AMP6424',
      `${path} normalizes its images itself`,
      `it does what normalize(${model.normalize}) does, and another normalization would be in its place`,
      'leave --normalize out',
    );
  const told = options.normalize === undefined && model.unsaid !== undefined ? [model.unsaid] : [];
  const { file, weights } = await placesOf(path, options.out);
  const text = formatAmp({ path: file, text: textOf(path, model, options.normalize) });
  // Arrays would be read, and are not there yet.
  const facts = { classes: Array.from({ length: model.result[0]! }, String), images: { train: 1, test: 1 }, image: model.image };
  const errors = checkSource({ path: file, text, ...(model.further.length > 0 && { data: { facts } }) }).filter(
    ({ severity }) => severity === 'error',
  );
  if (errors.length > 0) throw new UserError(errors);
  try {
    await makeFolder(dirname(file));
    const { name, classes } = model;
    const metadata = { format: 'ampc-weights', model: name, ...(classes && { classes: JSON.stringify(classes) }) };
    await writeSafetensors(weights, model.weights, metadata);
    await replaceFile(file, text);
  } catch (error) {
    throw userError('AMP6213', `cannot write ${file}`, fileReason(error), 'name another place with --out');
  }
  const tensors = [...model.weights.entries()];
  const parameters = tensors.reduce((sum, [name, { data }]) => (/\.running_(mean|var)$/.test(name) ? sum : sum + data.length), 0);
  return { file, weights, model: model.name, tensors: tensors.length, parameters, notices: [...told, ...model.notices] };
}
