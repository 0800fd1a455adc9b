import { compile } from '../../src/choose/plan-file.js';
import { batchOf, evaluationGraph, telltaleBatch, upToLogits } from '../../src/exporting/evaluation-graph.js';
import type { ModelFacts } from '../../src/exporting/facts.js';
import type { Graph, PrecisionName } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { roundArray } from '../../src/numeric/encoding.js';
import { uniformAt } from '../../src/random/threefry.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { initialStates, modelStates } from '../../src/training/states.js';

const network = (
  size: number,
  body: string,
  result = '[4]',
  loss = 'cross_entropy',
): string => `dataset cifar10 { normalize(mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3]) }
${body.includes('model') ? body : `model Net(image: [${size}, ${size}, 3]) -> ${result} {\n${body}\n}`}
train { loss ${loss} optimizer adam(lr: 1e-3) batch 8 epochs 1 }
`;

/** Small networks that between them have what exporters treat by itself. */
export const NETWORKS = {
  /** Flattened images, asymmetric padding, groups, batch norms of images and of vectors. */
  convolutions: `block Residual(x, channels, stride) {
  let short = x |> conv2d(channels, kernel: 1, stride: stride, bias: false) as shortcut |> batch_norm(scale: false) as bn3
  x
  |> conv2d(channels, kernel: 3, stride: stride, padding: same, bias: false) as conv1 |> batch_norm as bn1 |> relu
  |> conv2d(channels, kernel: 3, padding: 1, groups: 2, bias: false) as conv2 |> batch_norm as bn2
  |> add(short) |> relu
}

model Net(image: [32, 32, 3]) -> [10] {
  image
  |> conv2d(8, kernel: 5, stride: 4, padding: 2) as stem |> leaky_relu(0.1)
  |> Residual(8, 1) as stage1 |> Residual(12, 2) as stage2
  |> max_pool2d(2, padding: same) |> depthwise_conv2d(3, padding: 1) as depthwise |> silu
  |> flatten |> batch_norm as norm |> linear(6) as fc1 |> hardswish |> linear(10) as fc2
}`,
  /** Tokens, attention, a class token, norms along rows, and blocks in a list. */
  transformer: `block Encoder(x, heads) {
  let y = x |> layer_norm(eps: 1e-6) as norm1 |> attention(heads) as attention |> add(x)
  y |> rms_norm as norm2 |> linear(2 * y.channels) as fc1 |> gelu |> linear(y.channels) as fc2 |> add(y)
}

let width = 8

model Net(image: [32, 32, 3]) -> [10] {
  let class_token = param([1, width], init: normal(0.5)) as class_token
  let positions = param([17, width], init: normal(0.5)) as positions
  let patches = image |> conv2d(width, kernel: 8, stride: 8) as patches |> reshape([16, width])
  class_token
  |> concat(patches, axis: 0) |> add(positions)
  |> repeat 2 { Encoder(2) } as encoder
  |> layer_norm as norm |> slice(0, size: 1, axis: 0) |> flatten |> linear(10) as fc
}`,
  /** Channels last among channels first, learned factors, excitation, groups of channels, another scale and back. */
  channels: `block Excite(x) {
  let gate = x |> global_avg_pool |> linear(2) as reduce |> relu |> linear(x.channels) as expand |> sigmoid
  x |> mul(gate |> reshape([1, 1, x.channels]))
}

block Mixed(x) {
  let scale = param([x.channels], init: constant(0.5)) as scale
  x
  |> depthwise_conv2d(3, padding: 1) as depthwise |> layer_norm as norm |> linear(x.channels) as project
  |> mul(scale) |> add(x)
}

model Net(image: [32, 32, 3]) -> [10] {
  let x = image |> conv2d(8, kernel: 4, stride: 4) as stem |> group_norm(2) as norm1 |> elu |> Mixed as mixed |> Excite as excite
  let half = x |> slice(0, size: 4) |> concat(x |> slice(4, size: 4)) |> channel_shuffle(2)
  let small = half |> avg_pool2d(2) |> conv2d(4, kernel: 1) as inner |> softplus
  let up = small |> conv_transpose2d(4, kernel: 3, stride: 2, padding: 1, output_padding: 1) as up
  x
  |> concat(up) |> concat(small |> upsample(2)) |> tanh
  |> conv2d(4, kernel: 3, padding: 1, dilation: 1) as last |> prelu as prelu |> adaptive_avg_pool2d(3) |> flatten |> linear(10) as fc
}`,
  /** Weights that live in fp16. */
  stored: `precision { compute fp16  masters fp16 }

model Net(image: [32, 32, 3]) -> [10] {
  image |> conv2d(5, kernel: 3, stride: 2) as conv |> batch_norm as norm |> relu |> global_avg_pool |> linear(10) as fc
}`,
} as const satisfies Readonly<Record<string, string>>;

export type NetworkName = keyof typeof NETWORKS;

/** For processors that stand in for a GPU: every barrier is a loop there. */
const SMALL = `model Net(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(8) |> conv2d(4, kernel: 3, padding: 1) as conv |> batch_norm as bn |> relu |> flatten |> linear(10) as fc
}`;

export function sourceOf(name: NetworkName | 'small'): string {
  return network(32, name === 'small' ? SMALL : NETWORKS[name]);
}

export const FACTS: ModelFacts = {
  model: 'Net',
  version: '1.2.3',
  classes: Array.from({ length: 10 }, (_, label) => `class "${label}"`),
  accuracy: 0.5,
  testedAtMost: 200,
  source: 'hash',
  precision: 'fp32',
  policy: 'mixed',
  probabilities: 'distribution',
};

export interface Network {
  /** The evaluation of the plan, for a telltale number of images. */
  readonly graph: Graph;
  /** As the file says it, before formats are decided. */
  readonly program: Graph;
  readonly states: ReadonlyMap<string, Float32Array>;
}

/** A network with random weights, of which none is neutral. */
export async function networkOf(name: NetworkName | 'small', precision: PrecisionName): Promise<Network> {
  const source = { path: `${name}.amp`, text: sourceOf(name) };
  const first = await compile(source, { backend: 'reference', precision });
  const batch = telltaleBatch(evaluationGraph(first.plan));
  const { plan, program } = await compile(source, { backend: 'reference', precision, batch });
  const initial = initialStates(plan, 3);
  const states = new Map<string, Float32Array>();
  for (const [index, { name: state, value, init }] of modelStates(plan).entries()) {
    const elements = Float32Array.from(initial.get(state)!);
    if (init === 'constant') for (let i = 0; i < elements.length; i += 1) elements[i] = value + 0.5 * (uniformAt(7, index, i, 0) - 0.4);
    states.set(state, elements);
    const stored = evaluationGraph(plan).nodes.find(({ attrs }) => attrs.name === state);
    if (stored !== undefined) roundArray(stored.type.dtype, elements);
  }
  return { graph: evaluationGraph(plan), program: upToLogits(program.eval), states };
}

/** Random images, and the logits of the first of them as the reference computes them. */
export function expectedOf({ graph, states }: Network): {
  readonly images: Uint8Array;
  readonly shape: readonly number[];
  readonly logits: Float32Array;
} {
  const image = graph.nodes.find(({ attrs }) => attrs.name === 'image')!.type.shape;
  const images = Uint8Array.from({ length: elementCount(image) }, (_, i) => 256 * uniformAt(11, 1, i, 0));
  const logits = evaluateGraph(graph, { image: images }, states).values.get(graph.outputs.logits!)! as Float32Array;
  return { images, shape: [batchOf(graph), ...image.slice(1)], logits };
}

/** The largest difference, as a part of the largest of the expected. */
export function deviation(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const scale = Math.max(...Array.from(expected, Math.abs), 1e-6);
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - actual[i]!))) / scale;
}
