import type { OnnxDimension, OnnxModel, OnnxValueInfo } from '../../interchange/onnx/schema.js';
import { TENSOR_TYPES } from '../../interchange/onnx/schema.js';
import type { Graph, Shape } from '../../ir/types.js';
import { inOrder } from '../channel-order.js';
import { furtherNodes, inputName, isImage } from '../evaluation-graph.js';
import { type ModelFacts, PROBABILITY_FUNCTIONS } from '../facts.js';
import { emitGraph, type ImageForm } from './graph.js';
import { ELEMENT_TYPES } from './writer.js';

/** onnxruntime reads it from 1.20 on. */
export const OPSET = 22;
const IR_VERSION = 10;

function valueInfo(name: string, elemType: number, perImage: Shape): OnnxValueInfo {
  const dim: OnnxDimension[] = [{ dimParam: 'batch' }, ...perImage.map((size) => ({ dimValue: size }))];
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

function metadataOf(facts: ModelFacts, form: ImageForm): Readonly<Record<string, string>> {
  return {
    ampc_version: facts.version,
    model: facts.model,
    ...(facts.run === undefined ? {} : { run: facts.run }),
    ...(facts.accuracy === undefined ? {} : { test_accuracy: String(facts.accuracy) }),
    ...(facts.testedAtMost === undefined ? {} : { test_images_at_most: String(facts.testedAtMost) }),
    source_sha256: facts.source,
    precision: facts.precision,
    policy: facts.policy,
    classes: JSON.stringify(facts.classes),
    probabilities: PROBABILITY_FUNCTIONS[facts.probabilities],
    image_layout: form.layout,
    image_range: form.type === 'u8' ? '0..255' : '0..1',
  };
}

/** An ONNX model of an evaluation: `image` of a batch of any size in, `logits` out, and the facts as its metadata. */
export function onnxModel(graph: Graph, states: ReadonlyMap<string, Float32Array>, facts: ModelFacts, form: ImageForm): OnnxModel {
  const image = graph.nodes.find(isImage)!.type.shape;
  const logits = graph.nodes[graph.outputs.logits!]!.type.shape;
  const type = form.type === 'u8' ? TENSOR_TYPES.uint8 : TENSOR_TYPES.float;
  return {
    irVersion: IR_VERSION,
    producerName: 'ampc',
    producerVersion: facts.version,
    graph: {
      ...emitGraph(graph, facts.model, states, form),
      input: [
        valueInfo('image', type, (form.layout === 'nhwc' ? image : inOrder('first', image)).slice(1)),
        ...furtherNodes(graph).map((node) => valueInfo(inputName(node), ELEMENT_TYPES[node.type.dtype], node.type.shape.slice(1))),
      ],
      output: [valueInfo('logits', TENSOR_TYPES.float, logits.slice(1))],
    },
    opsetImport: [{ version: OPSET }],
    metadataProps: Object.entries(metadataOf(facts, form)).map(([key, value]) => ({ key, value })),
  };
}
