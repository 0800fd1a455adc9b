import { namesIn } from '../../class-names.js';
import type { OnnxModel, OnnxNode } from '../schema.js';
import { recognizeAttention } from './attention.js';
import { openBatch } from './batch.js';
import { withBatchElsewhere } from './batch-layers.js';
import { AmpBuilder, type Weight } from './builder.js';
import { FOLDS } from './fold.js';
import { inputsOf } from './input.js';
import { needed, withoutProbabilities } from './needed.js';
import { NodeView } from './node.js';
import { recognizePatterns } from './patterns.js';
import { normalizeText } from './pixels.js';
import { CONVERTERS } from './table.js';
import { type Constant, Inexpressible, type ReadBeside, readTensor, refuse } from './tensors.js';
import { Body } from './text.js';
import { identity, type Operand, type Pixels, samePlaces, type Value } from './values.js';

/** A node that ampc has no layer for. */
export interface Unsupported {
  readonly type: string;
  readonly name: string;
  readonly why: string;
}

/** A model that cannot be a `.amp` file: the nodes that are in the way, or what else is. */
export class ImportRefused extends Error {
  constructor(
    readonly nodes: readonly Unsupported[],
    why = '',
  ) {
    super(why);
    this.name = 'ImportRefused';
  }
}

export interface ImportedModel {
  readonly name: string;
  readonly image: readonly [height: number, width: number, channels: number];
  /** What it takes besides the image, by name, without the batch. */
  readonly further: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Of the result, without the batch. */
  readonly result: readonly number[];
  /** The body of the model, as lines. */
  readonly body: string;
  /** What stands in `normalize(…)`. */
  readonly normalize: string;
  /** What is to be known of that where the model does not say it. */
  readonly unsaid: string | undefined;
  readonly weights: ReadonlyMap<string, Weight>;
  /** What a reader of the result should know. */
  readonly notices: readonly string[];
  readonly producer: string;
  /** Names by label, where the model says them as ampc's export does. */
  readonly classes: readonly string[] | undefined;
}

function constantsOf(model: OnnxModel, beside: ReadBeside): Map<string, Operand> {
  const weights = model.graph?.initializer ?? [];
  return new Map(weights.map((tensor) => [tensor.name ?? '', { ...readTensor(tensor, tensor.name ?? '', beside), isWeight: true }]));
}

/** Turns the nodes of a model into layers, one after the other. */
class Importer {
  readonly builder = new AmpBuilder();
  readonly unsupported: Unsupported[] = [];
  /** What the layers see of pixels; undefined before the first of them. */
  pixels: Pixels | undefined;
  /** What depends on a node that could not be turned. */
  private readonly lost = new Set<string>();
  private readonly readers = new Map<string, number>();

  constructor(
    private readonly operands: Map<string, Operand>,
    private readonly beside: ReadBeside,
    nodes: readonly OnnxNode[],
    results: readonly string[],
    private readonly batch: number,
  ) {
    for (const name of [...nodes.flatMap(({ input = [] }) => input), ...results]) this.readers.set(name, (this.readers.get(name) ?? 0) + 1);
  }

  take(node: OnnxNode): void {
    const names = node.input ?? [];
    const outputs = node.output ?? [];
    if (names.some((name) => this.lost.has(name))) {
      for (const name of outputs) this.lost.add(name);
      return;
    }
    const view = new NodeView(
      node,
      names.map((name) => (name === '' ? undefined : this.operands.get(name))),
      this.batch,
    );
    try {
      const results = this.results(view, names);
      for (const [i, result] of results.entries()) this.operands.set(outputs[i] ?? '', result);
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
      this.unsupported.push({ type: view.type, name: view.name, why: error.message });
      for (const name of outputs) this.lost.add(name);
    }
  }

  private results(view: NodeView, names: readonly string[]): readonly Operand[] {
    const { node, type } = view;
    if ((node.domain ?? '') !== '' && node.domain !== 'ai.onnx') return refuse(`its domain is ${node.domain}`);
    const missing = names.find((name) => name !== '' && !this.operands.has(name));
    if (missing !== undefined) return refuse(`nothing makes its operand ${missing}`);
    if (type === 'Constant') return [this.constant(view)];
    if (type === 'Shape') return [shapeOf(view)];
    const folded = FOLDS[type]?.(view);
    if (folded !== undefined) return [{ ...folded, name: folded.name || view.name }];
    const convert = CONVERTERS[type];
    const isOnlyUse = (index: number) => this.readers.get(names[index]!) === 1;
    const elsewhere = withBatchElsewhere(this.builder, view, isOnlyUse, convert);
    if (elsewhere !== undefined) return this.noted(view, elsewhere);
    if (convert === undefined) return refuse('ampc has no layer that does this');
    if (!view.inputs.some((input) => input?.kind === 'value')) return refuse('it computes with numbers of the model alone');
    const made = convert(this.builder, view, isOnlyUse);
    return this.noted(view, Array.isArray(made) ? (made as readonly Value[]) : [made as Value]);
  }

  /** All layers have to see the pixels shifted and scaled alike: that is what the data set does. */
  private noted(view: NodeView, results: readonly Operand[]): readonly Operand[] {
    if (results.every((result) => result.kind === 'value' && result.pixels !== undefined)) return results;
    for (const input of view.inputs) {
      if (input?.kind !== 'value' || input.pixels === undefined) continue;
      const before = this.pixels ?? input.pixels;
      if (JSON.stringify(before) !== JSON.stringify(input.pixels)) refuse('the image is normalized in two ways');
      this.pixels = before;
    }
    return results;
  }

  private constant(view: NodeView): Constant {
    const tensor = view.attribute('value')?.t;
    if (tensor !== undefined) return readTensor(tensor, view.node.output?.[0] ?? '', this.beside);
    const number = view.attribute('value_float') ?? view.attribute('value_int');
    const list = view.attribute('value_floats') ?? view.attribute('value_ints');
    const isFloat = (number ?? list)?.name?.includes('float') === true;
    const data = number === undefined ? [...(list?.floats ?? list?.ints ?? [])] : [number.f ?? number.i ?? 0];
    if (number === undefined && list === undefined) return refuse('it has no numbers');
    return {
      kind: 'constant',
      name: '',
      shape: number === undefined ? [data.length] : [],
      isFloat,
      data: isFloat ? Float32Array.from(data) : data,
    };
  }
}

function shapeOf(view: NodeView): Constant {
  const input = view.inputs[0];
  if (input === undefined) return refuse('it has no operand');
  const end = view.int('end', input.shape.length);
  const data = input.shape.slice(view.int('start', 0), end < 0 ? end + input.shape.length : end);
  return { kind: 'constant', name: '', shape: [data.length], isFloat: false, data };
}

function nameOf(text: string | undefined): string {
  const clean = (text ?? '').replace(/[^A-Za-z0-9_]/g, '');
  return /^[A-Za-z]/.test(clean) && !/^(main_graph|torch_?jit|graph)$/i.test(clean) ? clean : 'Net';
}

/**
 * The network of an ONNX model in the layers of ampc, images channels last. Throws ImportRefused with every node that has no layer, or
 * with what else the model is not.
 */
export function importOnnx(model: OnnxModel, beside: ReadBeside): ImportedModel {
  try {
    return importGraph(model, beside);
  } catch (error) {
    throw error instanceof Inexpressible ? new ImportRefused([], error.message) : error;
  }
}

function importGraph(model: OnnxModel, beside: ReadBeside): ImportedModel {
  const operands = constantsOf(model, beside);
  const all = model.graph?.node ?? [];
  const outputs = (model.graph?.output ?? []).map(({ name }) => name ?? '');
  const asked = outputs.find((name) => name === 'logits') ?? outputs[0] ?? refuse('it has no output');
  const { result, dropped } = withoutProbabilities(all, asked);
  const numberOf = (name: string | undefined): number | undefined => {
    const tensor = operands.get(name ?? '') ?? constantNode(all, name, beside);
    return tensor?.kind === 'constant' && tensor.data.length === 1 ? tensor.data[0] : undefined;
  };
  const wanted = needed(all, result);
  const read = new Set([...wanted.flatMap(({ input = [] }) => input), result]);
  const { image, further } = inputsOf(model, openBatch(model), (name) => read.has(name) && !operands.has(name));
  const nodes = recognizePatterns(wanted, [image.name, ...further.map(({ name }) => name)], numberOf);
  const importer = new Importer(operands, beside, nodes, [result], image.value.shape[0]!);
  operands.set(image.name, image.value);
  const inputs = further.map(({ name, shape }) => {
    const given = importer.builder.input(name, shape);
    operands.set(name, given.value);
    return { name: given.name, shape: shape.slice(1) };
  });
  for (const node of nodes) importer.take(node);
  if (importer.unsupported.length > 0) throw new ImportRefused(importer.unsupported);
  const found = operands.get(result);
  if (found?.kind === 'grouped') return refuse(`its output ${asked} does not begin with the batch`);
  if (found?.kind !== 'value') return refuse(`nothing makes its output ${asked}`);
  const value = found.shape.length === 2 && samePlaces(found.places, identity(2)) && !found.flat ? found : importer.builder.plain(found);
  recognizeAttention(importer.builder, value);
  const body = new Body(importer.builder, value);
  const { labels } = body;
  const { text, notice } = normalizeText(importer.pixels ?? { scale: [1], shift: [0] }, image.isBytes);
  const others = outputs.filter((name) => name !== asked);
  const { shape, places } = image.value;
  const sizes: number[] = [];
  for (const [axis, place] of places.entries()) sizes[place] = shape[axis]!;
  return {
    name: nameOf(model.graph?.name),
    image: sizes.slice(1) as unknown as ImportedModel['image'],
    further: inputs,
    result: value.shape.slice(1),
    body: body.text(),
    normalize: text,
    unsaid: notice,
    weights: new Map([...importer.builder.weights].filter(([name]) => labels.has(name.split('.')[0]!))),
    notices: [
      ...(dropped === undefined
        ? []
        : [`the last ${dropped} is left out: losses take logits, and ampc predict makes probabilities of them`]),
      ...(others.length === 0 ? [] : [`the outputs ${others.join(', ')} are left out: a model has one result`]),
    ],
    classes: classesOf(model, value.shape.slice(1)),
    producer: [model.producerName, model.producerVersion].filter((part) => part).join(' '),
  };
}

/** The names in its metadata, if they are as many as the model has results. */
function classesOf({ metadataProps = [] }: OnnxModel, result: readonly number[]): readonly string[] | undefined {
  const text = metadataProps.find(({ key }) => key === 'classes')?.value;
  return result.length === 1 ? namesIn(text, result[0]!) : undefined;
}

function constantNode(nodes: readonly OnnxNode[], name: string | undefined, beside: ReadBeside): Operand | undefined {
  const node = nodes.find(({ opType, output }) => opType === 'Constant' && output?.[0] === name);
  const attribute = node?.attribute?.[0];
  if (attribute?.t !== undefined) return readTensor(attribute.t, name ?? '', beside);
  return attribute?.f === undefined
    ? undefined
    : { kind: 'constant', name: '', shape: [], isFloat: true, data: Float32Array.of(attribute.f) };
}
