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

/** The packages of ONNX Runtime for Node: as WebAssembly, and natively. */
export const ONNX_RUNTIMES = ['onnxruntime-web', 'onnxruntime-node'] as const;
type RuntimeName = (typeof ONNX_RUNTIMES)[number];

/** The folders that `npm install --prefix` was given: those of CI, or of the variables. */
const FOLDERS: Readonly<Record<RuntimeName, string>> = {
  'onnxruntime-web': resolve(process.env.AMPC_TEST_ONNXRUNTIME ?? '.peers/onnxruntime'),
  'onnxruntime-node': resolve(process.env.AMPC_TEST_ONNXRUNTIME_NODE ?? '.peers/onnxruntime-node'),
};

/** Why there is none; its own scripts download what only GPUs need. */
export const NO_ONNXRUNTIME: Readonly<Record<RuntimeName, string>> = {
  'onnxruntime-web': 'no onnxruntime-web: npm install --prefix .peers/onnxruntime onnxruntime-web, or $AMPC_TEST_ONNXRUNTIME',
  'onnxruntime-node':
    'no onnxruntime-node: npm install --ignore-scripts --prefix .peers/onnxruntime-node onnxruntime-node, or $AMPC_TEST_ONNXRUNTIME_NODE',
};

const loading = new Map<RuntimeName, Promise<Ort>>();

/** One of the packages; undefined where it is not installed. */
export async function findOnnxRuntime(name: RuntimeName = 'onnxruntime-web'): Promise<Ort | undefined> {
  if (!existsSync(join(FOLDERS[name], 'node_modules', name))) return undefined;
  const found = loading.get(name) ?? load(name);
  loading.set(name, found);
  return found;
}

async function load(name: RuntimeName): Promise<Ort> {
  const require = createRequire(join(FOLDERS[name], 'package.json'));
  const entry = require.resolve(name).replace(/\.js$/, '.mjs');
  const ort = name === 'onnxruntime-node' ? (require(name) as Ort) : ((await import(pathToFileURL(entry).href)) as Ort);
  ort.env.logLevel = 'error';
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
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
