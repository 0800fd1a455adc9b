import type { OnnxNode } from '../schema.js';

/** Layers that a model has as several nodes; ONNX has no types of these names. */
export const PATTERNS = {
  silu: 'ampc.Silu',
  shuffle: 'ampc.ChannelShuffle',
  groups: 'ampc.GroupNorm',
  windows: 'ampc.MeanWindows',
} as const;

interface Index {
  readonly producer: ReadonlyMap<string, OnnxNode>;
  readonly consumers: ReadonlyMap<string, readonly OnnxNode[]>;
  /** The number that a name stands for, where it is one constant number. */
  readonly numberOf: (name: string | undefined) => number | undefined;
  /** Whether a name stands for what follows from the model's inputs. */
  readonly isComputed: (name: string | undefined) => boolean;
}

interface Found {
  readonly node: OnnxNode;
  /** The nodes that it stands for; the last one has its place. */
  readonly parts: readonly OnnxNode[];
}

const output = (node: OnnxNode): string => node.output?.[0] ?? '';

function onlyConsumer({ consumers }: Index, node: OnnxNode, type: string): OnnxNode | undefined {
  const found = consumers.get(output(node)) ?? [];
  return found.length === 1 && found[0]!.opType === type ? found[0] : undefined;
}

const otherInput = (node: OnnxNode, name: string): string | undefined => node.input?.find((input) => input !== name);

const near = (value: number | undefined, wanted: number): boolean => value !== undefined && Math.abs(value - wanted) < 1e-4 * wanted;

/** The value that erf takes over the square root of 2. */
function halved(index: Index, erf: OnnxNode): { readonly x: string; readonly part: OnnxNode } | undefined {
  const part = index.producer.get(erf.input?.[0] ?? '');
  const [x, by] = part?.input ?? [];
  const number = index.numberOf(by);
  const isHalved = (part?.opType === 'Div' && near(number, Math.SQRT2)) || (part?.opType === 'Mul' && near(number, Math.SQRT1_2));
  return part !== undefined && isHalved && x !== undefined ? { x, part } : undefined;
}

/** x / 2 * (1 + erf(x / sqrt 2)), as PyTorch writes it. */
function findGelu(index: Index, erf: OnnxNode): Found | undefined {
  const from = erf.opType === 'Erf' ? halved(index, erf) : undefined;
  const one = from && onlyConsumer(index, erf, 'Add');
  const times = one && onlyConsumer(index, one, 'Mul');
  if (from === undefined || one === undefined || times === undefined || !near(index.numberOf(otherInput(one, output(erf))), 1))
    return undefined;
  const factor = otherInput(times, output(one)) ?? '';
  const parts = [from.part, erf, one, times];
  const gelu = (last: OnnxNode): OnnxNode => ({ opType: 'Gelu', input: [from.x], output: last.output ?? [], name: erf.name ?? '' });
  const half = (node: OnnxNode | undefined, of: string) => node?.opType === 'Mul' && near(index.numberOf(otherInput(node, of)), 0.5);
  const first = index.producer.get(factor);
  if (first?.input?.includes(from.x) === true && half(first, from.x)) return { node: gelu(times), parts: [first, ...parts] };
  const last = onlyConsumer(index, times, 'Mul');
  if (last === undefined) return undefined;
  if (factor === from.x && half(last, output(times))) return { node: gelu(last), parts: [...parts, last] };
  return near(index.numberOf(factor), 0.5) && otherInput(last, output(times)) === from.x
    ? { node: gelu(last), parts: [...parts, last] }
    : undefined;
}

/** x times a curve of x. */
function findGated(index: Index, curve: OnnxNode): Found | undefined {
  const [x = ''] = curve.input ?? [];
  const times = onlyConsumer(index, curve, 'Mul');
  const gated = (opType: string, parts: readonly OnnxNode[], last: OnnxNode, input: string): Found => ({
    node: { opType, input: [input], output: last.output ?? [], name: curve.name ?? '' },
    parts: [...parts, last],
  });
  if (times !== undefined && otherInput(times, output(curve)) === x) {
    if (curve.opType === 'Sigmoid') return gated(PATTERNS.silu, [curve], times, x);
    const alpha = curve.attribute?.find(({ name }) => name === 'alpha')?.f ?? 0.2;
    if (curve.opType === 'HardSigmoid' && Math.abs(alpha - 1 / 6) < 1e-5) return gated('HardSwish', [curve], times, x);
  }
  const soft = curve.opType === 'Tanh' ? index.producer.get(x) : undefined;
  const inner = soft?.opType === 'Softplus' ? soft.input?.[0] : undefined;
  const isMish = times !== undefined && inner !== undefined && otherInput(times, output(curve)) === inner;
  return isMish ? gated('Mish', [soft!, curve], times, inner) : undefined;
}

/** Channels in groups, the groups exchanged with what is in them. */
function findShuffle(index: Index, node: OnnxNode): Found | undefined {
  if (node.opType !== 'Transpose' || node.attribute?.find(({ name }) => name === 'perm')?.ints?.join() !== '0,2,1,3,4') return undefined;
  const before = index.producer.get(node.input?.[0] ?? '');
  const behind = onlyConsumer(index, node, 'Reshape');
  if (before?.opType !== 'Reshape' || behind === undefined) return undefined;
  return { node: { ...before, opType: PATTERNS.shuffle, output: behind.output ?? [] }, parts: [before, node, behind] };
}

/** x where it is positive, else x times a slope, as ampc writes it. */
function findPrelu(index: Index, where: OnnxNode): Found | undefined {
  const [condition = '', x = '', below = ''] = where.opType === 'Where' ? (where.input ?? []) : [];
  const greater = index.producer.get(condition);
  const times = index.producer.get(below);
  const isPositive = greater?.opType === 'Greater' && greater.input?.[0] === x && index.numberOf(greater.input[1]) === 0;
  if (!isPositive || times?.opType !== 'Mul' || !times.input?.includes(x)) return undefined;
  const slope = otherInput(times, x);
  const node: OnnxNode = { opType: 'PRelu', input: [x, slope ?? x], output: where.output ?? [], name: where.name ?? '' };
  return { node, parts: [greater, times, where] };
}

/** The only reader of a node, if it is of that type and all else that it reads is constant. */
function withConstant(index: Index, node: OnnxNode, type: string): OnnxNode | undefined {
  const found = onlyConsumer(index, node, type);
  const other = found && otherInput(found, output(node));
  return other === undefined || index.isComputed(other) ? undefined : found;
}

/** A norm of groups as PyTorch's exporters write it: that of instances whose channels are the groups, then factors by channel, if any. */
function findGroupNorm(index: Index, norm: OnnxNode): Found | undefined {
  const before = norm.opType === 'InstanceNormalization' ? index.producer.get(norm.input?.[0] ?? '') : undefined;
  const behind = before?.opType === 'Reshape' ? onlyConsumer(index, norm, 'Reshape') : undefined;
  if (before === undefined || behind === undefined) return undefined;
  const times = withConstant(index, behind, 'Mul');
  const plus = withConstant(index, times ?? behind, 'Add');
  const [x = '', groups = ''] = before.input ?? [];
  const factors = [times && otherInput(times, output(behind)), plus && otherInput(plus, output(times ?? behind))];
  const input = [x, ...factors.map((name) => name ?? ''), groups, behind.input?.[1] ?? '', ...(norm.input ?? []).slice(1)];
  const parts = [before, norm, behind, ...(times ? [times] : []), ...(plus ? [plus] : [])];
  return { node: { ...norm, opType: PATTERNS.groups, input, output: parts.at(-1)!.output ?? [] }, parts };
}

/** Rows and then columns of images by a matrix each. */
function findMeanWindows(index: Index, down: OnnxNode): Found | undefined {
  const [rows, x] = down.opType === 'MatMul' ? (down.input ?? []) : [];
  const across = rows !== undefined && !index.isComputed(rows) ? withConstant(index, down, 'MatMul') : undefined;
  if (across === undefined || across.input?.[0] !== output(down) || !index.isComputed(x)) return undefined;
  const input = [x ?? '', rows ?? '', across.input[1] ?? ''];
  return { node: { ...down, opType: PATTERNS.windows, input, output: across.output ?? [] }, parts: [down, across] };
}

const FINDERS = [findGelu, findGated, findShuffle, findPrelu, findGroupNorm, findMeanWindows];

/** The nodes of a model with one in the place of several that are a layer of ampc. */
export function recognizePatterns(nodes: readonly OnnxNode[], inputs: readonly string[], numberOf: Index['numberOf']): readonly OnnxNode[] {
  // Shapes are known, whatever they are of.
  const computed = new Set(inputs);
  for (const { opType, input = [], output: results = [] } of nodes)
    if (opType !== 'Shape' && input.some((name) => computed.has(name))) for (const name of results) computed.add(name);
  const isComputed = (name: string | undefined): boolean => name !== undefined && computed.has(name);
  const producer = new Map(nodes.flatMap((node) => (node.output ?? []).map((name) => [name, node] as const)));
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of nodes) for (const name of new Set(node.input ?? [])) consumers.set(name, [...(consumers.get(name) ?? []), node]);
  const index = { producer, consumers, numberOf, isComputed };
  const gone = new Set<OnnxNode>();
  const instead = new Map<OnnxNode, OnnxNode>();
  for (const node of nodes) {
    const found = FINDERS.map((find) => find(index, node)).find((result) => result !== undefined);
    if (found === undefined || found.parts.some((part) => gone.has(part))) continue;
    for (const part of found.parts) gone.add(part);
    instead.set(found.parts.at(-1)!, found.node);
  }
  return nodes.flatMap((node) => instead.get(node) ?? (gone.has(node) ? [] : [node]));
}
