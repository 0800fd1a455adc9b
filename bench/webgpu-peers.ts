/** The other systems that train on WebGPU, each as SimpleCNN with Adam in f32. Their packages are not ampc's: see README.md. */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export const WEBGPU_PEERS = ['jax-js', 'tfjs'] as const;
export type WebGpuPeer = (typeof WEBGPU_PEERS)[number];

const PACKAGES: Readonly<Record<WebGpuPeer, string>> = { 'jax-js': '@jax-js/jax', tfjs: '@tensorflow/tfjs-backend-webgpu' };

/** Where the packages are: `$AMPC_BENCH_WEBGPU`, else `.peers/webgpu`. */
const folder = resolve(process.env.AMPC_BENCH_WEBGPU ?? '.peers/webgpu');
const resolveThere = (name: string) => createRequire(join(folder, 'package.json')).resolve(name);

/** Whether a peer is installed. */
export function isInstalled(peer: WebGpuPeer): boolean {
  try {
    resolveThere(PACKAGES[peer]);
    return true;
  } catch {
    return false;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the packages' own types are not here to be had
type Untyped = any;

async function load(name: string): Promise<Untyped> {
  return import(pathToFileURL(resolveThere(name)).href);
}

/** Gives the peers what they look for in a browser. */
async function becomeBrowser(): Promise<void> {
  const name = 'webgpu';
  const { create, globals } = (await import(name)) as { create(options: readonly string[]): GPU; globals: object };
  Object.assign(globalThis, globals);
  const gpu = create(['enable-dawn-features=allow_unsafe_apis,disable_robustness']);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node', hardwareConcurrency: 1 }, configurable: true });
}

const LEARNING_RATE = 1e-3;

/** Weights, in the order conv1, conv2, fc1, fc2, and what each weight's sums run over. */
const LAYERS = [
  { window: 3, from: 3, to: 32 },
  { window: 3, from: 32, to: 64 },
  { window: 0, from: 4096, to: 128 },
  { window: 0, from: 128, to: 10 },
] as const;

function noise(count: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => scale * (((Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 23 - 1) as number));
}

/** One training step; resolves with the loss when the device has finished it. */
export type PeerStep = () => Promise<number>;

async function startJax(batch: number): Promise<PeerStep> {
  const { defaultDevice, init, jit, lax, nn, numpy: np, tree, valueAndGrad } = await load(PACKAGES['jax-js']);
  if (!(await init()).includes('webgpu')) throw new Error('jax-js starts no WebGPU device');
  defaultDevice('webgpu');
  const weights = () =>
    LAYERS.map(({ window, from, to }) => {
      const shape = window === 0 ? [from, to] : [to, from, window, window];
      const terms = from * (window === 0 ? 1 : window * window);
      return np.array(noise(terms * to, 1 / Math.sqrt(terms))).reshape(shape);
    });
  const zeros = (list: Untyped[]) => list.map((w: Untyped) => np.zeros(w.shape));
  const pool = (x: Untyped) => {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
  };
  const lossOf = ({ w, b }: Untyped, x: Untyped, target: Untyped) => {
    let y = nn.relu(pool(lax.conv(x, w[0], [1, 1], 'SAME').add(b[0].reshape([1, 32, 1, 1]))));
    y = nn.relu(pool(lax.conv(y, w[1], [1, 1], 'SAME').add(b[1].reshape([1, 64, 1, 1]))));
    y = nn.relu(np.dot(y.reshape([batch, 4096]), w[2]).add(b[2]));
    return nn
      .logSoftmax(np.dot(y, w[3]).add(b[3]), -1)
      .mul(target)
      .sum()
      .mul(-1 / batch);
  };
  const step = jit((params: Untyped, mean: Untyped, square: Untyped, rate: Untyped, x: Untyped, target: Untyped) => {
    const [loss, gradient] = valueAndGrad(lossOf)(tree.ref(params), x, target);
    const newMean = tree.map((m: Untyped, g: Untyped) => m.mul(0.9).add(g.mul(0.1)), mean, tree.ref(gradient));
    const newSquare = tree.map((v: Untyped, g: Untyped) => v.mul(0.999).add(g.ref.mul(g).mul(0.001)), square, gradient);
    const next = tree.map(
      (p: Untyped, m: Untyped, v: Untyped) => p.sub(m.div(np.sqrt(v).add(1e-8)).mul(rate.ref)),
      params,
      tree.ref(newMean),
      tree.ref(newSquare),
    );
    rate.dispose();
    return [loss, next, newMean, newSquare];
  });
  const w = weights();
  const b = LAYERS.map(({ to }) => np.zeros([to]));
  let state: Untyped[] = [
    { w, b },
    { w: zeros(w), b: zeros(b) },
    { w: zeros(w), b: zeros(b) },
  ];
  const x = np.array(noise(batch * 3 * 32 * 32, 1)).reshape([batch, 3, 32, 32]);
  const hot = new Float32Array(batch * 10);
  for (let i = 0; i < batch; i += 1) hot[i * 10 + (i % 10)] = 1;
  const target = np.array(hot).reshape([batch, 10]);
  let count = 0;
  return async () => {
    count += 1;
    const rate = np.array(LEARNING_RATE * (Math.sqrt(1 - 0.999 ** count) / (1 - 0.9 ** count)));
    const [loss, ...next] = step(...state, rate, x.ref, target.ref);
    state = next;
    await Promise.all(next.flatMap((part: Untyped) => [...part.w, ...part.b].map((array: Untyped) => array.blockUntilReady())));
    return Number((await loss.data())[0]);
  };
}

async function startTfjs(batch: number): Promise<PeerStep> {
  // The union package registers the gradients.
  const tf = await load('@tensorflow/tfjs');
  await load(PACKAGES.tfjs);
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs-backend-webgpu does not start');
  await tf.ready();
  const variables = LAYERS.map(({ window, from, to }) => {
    const shape = window === 0 ? [from, to] : [window, window, from, to];
    const terms = from * (window === 0 ? 1 : window * window);
    return [tf.variable(tf.tensor(noise(terms * to, 1 / Math.sqrt(terms)), shape)), tf.variable(tf.zeros([to]))];
  });
  const x = tf.tensor(noise(batch * 32 * 32 * 3, 1), [batch, 32, 32, 3]);
  const target = tf.oneHot(
    tf.tensor1d(
      Int32Array.from({ length: batch }, (_, i) => i % 10),
      'int32',
    ),
    10,
  );
  const optimizer = tf.train.adam(LEARNING_RATE);
  const convolve = (input: Untyped, [w, b]: Untyped) => tf.relu(tf.maxPool(tf.add(tf.conv2d(input, w, 1, 'same'), b), 2, 2, 'valid'));
  const connect = (input: Untyped, [w, b]: Untyped) => tf.add(tf.matMul(input, w), b);
  const lossOf = () => {
    let y = convolve(convolve(x, variables[0]), variables[1]);
    y = tf.relu(connect(tf.reshape(y, [batch, 4096]), variables[2]));
    return tf.losses.softmaxCrossEntropy(target, connect(y, variables[3]));
  };
  return async () => {
    const loss = optimizer.minimize(lossOf, true);
    const [value] = await loss.data();
    loss.dispose();
    await tf.backend().device.queue.onSubmittedWorkDone();
    return Number(value);
  };
}

/** Starts a peer at a batch size. Throws what its package throws. */
export async function startPeer(peer: WebGpuPeer, batch: number): Promise<PeerStep> {
  await becomeBrowser();
  return peer === 'jax-js' ? startJax(batch) : startTfjs(batch);
}
