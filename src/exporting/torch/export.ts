import { userError } from '../../diagnostics/diagnostic.js';
import { type TorchLayout, torchLayouts, toTorch } from '../../interchange/layouts.js';
import { isState } from '../../ir/structure.js';
import { type Graph, numbersAttr, type Shape, stringAttr } from '../../ir/types.js';
import { batchOf } from '../evaluation-graph.js';
import { type ModelFacts, type SourceBlock, testedOn } from '../facts.js';
import { isRefusal } from '../refusal.js';
import { claimedStates, claimLayers } from './claims.js';
import { ClassWriter } from './classes.js';
import { TORCH_OPS } from './emitters.js';
import { ForwardWriter } from './forward.js';
import { type Group, groupTree } from './groups.js';
import { className, statePath } from './python.js';

export interface TorchTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface TorchModel {
  /** The text of model.py. */
  readonly source: string;
  /** The state dict that it loads. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
}

const WEIGHTS = 'weights.safetensors';

function literal(values: readonly number[]): string {
  return `torch.tensor([${values.join(', ')}]).view(-1, 1, 1)`;
}

function refuse(graph: Graph, model: string): void {
  const table = TORCH_OPS as Readonly<Record<string, object | undefined>>;
  const refused = [...new Set(graph.nodes.map(({ op }) => op))].filter((op) => table[op] !== undefined && isRefusal(table[op]));
  if (refused.length === 0) return;
  throw userError(
    'AMP6401',
    `${model} cannot be exported to PyTorch`,
    `no form of ${refused.join(', ')}`,
    'change those layers, or export it with --to onnx',
  );
}

function header(facts: ModelFacts, form: string): string {
  const accuracy = facts.accuracy === undefined ? '' : ` Test accuracy${testedOn(facts)}: ${facts.accuracy}.`;
  return `"""${facts.model}, as ampc ${facts.version} exported it${facts.run === undefined ? '' : ` from the run ${facts.run}`}.${accuracy}

model = load() is ready to evaluate: model(image) gives ${form} for bytes [N, C, H, W].
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

`;
}

/** Of every state; one that nothing reads but casts is the same in both. */
function layoutsOf(graph: Graph): ReadonlyMap<string, TorchLayout> {
  const layouts = new Map(torchLayouts([graph]));
  for (const { attrs, type } of graph.nodes.filter(isState)) {
    const name = stringAttr(attrs, 'name');
    const { shape } = type;
    if (!layouts.has(name)) layouts.set(name, { split: shape, axes: shape.map((_, axis) => axis), shape });
  }
  return layouts;
}

/** The block of the language that a group of layers is: the smallest that all of its own layers are in. */
function blockOf(graph: Graph, { nodes }: Group, blocks: readonly SourceBlock[]): string | undefined {
  const lines = nodes.flatMap((id) => graph.nodes[id]!.loc?.line ?? []);
  const around = blocks.filter(({ first, last }) => lines.every((line) => line >= first && line <= last));
  return lines.length === 0 ? undefined : around.sort((a, b) => a.last - a.first - (b.last - b.first))[0]?.name;
}

/**
 * A module of torch.nn for an evaluation in f32, with the state dict that it takes, in PyTorch's layouts. Throws UserError AMP6401 for ops
 * that it has no form of.
 */
export function exportTorch(
  graph: Graph,
  states: ReadonlyMap<string, Float32Array>,
  facts: ModelFacts,
  blocks: readonly SourceBlock[] = [],
): TorchModel {
  refuse(graph, facts.model);
  const layouts = layoutsOf(graph);
  const claims = claimLayers(graph, layouts);
  const root = groupTree(graph, new Set(claims.keys()), claimedStates(graph, claims));
  const writer = new ForwardWriter(graph, layouts, claims, batchOf(graph));
  const forward = writer.write(root);
  const name = className(facts.model);
  const statistics = graph.nodes.filter((node) => isState(node) && node.attrs.role !== 'parameter');
  const buffers = new Set(statistics.map(({ attrs }) => stringAttr(attrs, 'name')));
  const classes = new ClassWriter(layouts, buffers, (group) => blockOf(graph, group, blocks));
  const body = classes.write(forward, name);
  const normalize = graph.nodes.find(({ attrs }) => attrs.mean !== undefined && attrs.std !== undefined);
  const scale = (['mean', 'std'] as const)
    .map((key) =>
      normalize === undefined
        ? ''
        : `        self.register_buffer("${key}", ${literal(numbersAttr(normalize.attrs, key))}, persistent=False)\n`,
    )
    .join('');
  const isImage = graph.nodes[graph.outputs.logits!]!.type.shape.length === 4;
  const form = isImage ? 'images [N, C, H, W]' : 'logits [N, classes]';
  const source = [
    header(facts, form),
    ...classes.classes.map(({ text }) => `\n${text}\n`),
    `\nclass ${name}(nn.Module):\n    def __init__(self):\n        super().__init__()\n${scale}${body.join('')}`,
    `\n\nCLASSES = [${facts.classes.map((name) => JSON.stringify(name)).join(', ')}]\n`,
    `\n\ndef load(weights=Path(__file__).with_name("${WEIGHTS}")):\n    model = ${name}()\n`,
    '    model.load_state_dict(load_file(weights))\n    return model.eval()\n',
  ].join('');
  const tensors = new Map(
    [...layouts].map(([state, layout]) => [statePath(state), { shape: layout.shape, data: toTorch(layout, states.get(state)!) }] as const),
  );
  return { source, tensors };
}
