import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

interface OrtTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

interface Ort {
  readonly env: { logLevel: string; wasm: { numThreads: number } };
  readonly Tensor: new (type: string, data: Uint8Array | Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
      release(): Promise<void>;
    }>;
  };
}

/** The folder that `npm install --prefix` was given: that of CI, or `$AMPC_TEST_ONNXRUNTIME`. */
const FOLDER = resolve(process.env.AMPC_TEST_ONNXRUNTIME ?? '.peers/onnxruntime');

export const NO_ONNXRUNTIME = 'no onnxruntime-web: npm install --prefix .peers/onnxruntime onnxruntime-web, or $AMPC_TEST_ONNXRUNTIME';

let loading: Promise<Ort> | undefined;

/** The package onnxruntime-web, which runs in Node as WebAssembly; undefined where it is not installed. */
export async function findOnnxRuntime(): Promise<Ort | undefined> {
  if (!existsSync(join(FOLDER, 'node_modules/onnxruntime-web'))) return undefined;
  loading ??= load();
  return loading;
}

async function load(): Promise<Ort> {
  const entry = createRequire(join(FOLDER, 'package.json')).resolve('onnxruntime-web').replace(/\.js$/, '.mjs');
  const ort = (await import(pathToFileURL(entry).href)) as Ort;
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = 1;
  return ort;
}

/** The logits of a batch of images of that shape. */
export async function runOnnx(
  ort: Ort,
  model: Uint8Array,
  image: Uint8Array | Float32Array,
  shape: readonly number[],
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  try {
    const results = await session.run({ image: new ort.Tensor(image instanceof Uint8Array ? 'uint8' : 'float32', image, shape) });
    return results.logits!.data.slice();
  } finally {
    await session.release();
  }
}
