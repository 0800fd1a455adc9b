import { emitCalls } from '../../codegen/c/emit.js';
import { targetFor } from '../../codegen/c/target.js';
import { ownScratch } from '../../codegen/c/workspace.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { GraphBuilder } from '../../ir/builder.js';
import { orderStep } from '../../ir/rewrite.js';
import { isState } from '../../ir/structure.js';
import { type Graph, type Shape, stringAttr } from '../../ir/types.js';
import type { Plan } from '../../plan/plan.js';
import { planGraph } from '../../plan/plan-graph.js';
import { defaultTarget } from '../../plan/target.js';
import { furtherNodes, inputName, isImage, rebatched } from '../evaluation-graph.js';
import type { ModelFacts } from '../facts.js';
import { mainText } from './main.js';

/** What ends in f32 whatever the format of the logits. */
function endingInSingle(graph: Graph): Graph {
  const logits = graph.nodes[graph.outputs.logits!]!;
  if (logits.type.dtype === 'f32') return graph;
  const builder = new GraphBuilder(graph.nodes);
  const type = { dtype: 'f32', shape: logits.type.shape } as const;
  const wide = builder.add({ op: 'cast', inputs: [logits.id], attrs: { to: 'f32' }, type, layer: logits.layer });
  return builder.finish(graph.name, { logits: wide });
}

/** The states as the generated code has them in memory. */
function packed(layout: ReturnType<typeof emitCalls>['states'], states: ReadonlyMap<string, Float32Array>): Uint8Array {
  const bytes = new Uint8Array(layout.bytes);
  for (const [name, { offset }] of layout.slots) bytes.set(new Uint8Array(Float32Array.from(states.get(name)!).buffer), offset);
  return bytes;
}

function comment(facts: ModelFacts): string {
  return [
    `/* ${facts.model}, as ampc ${facts.version} exported it: classifies images with weights.bin.`,
    ' *',
    ' *   cc -O2 -std=gnu11 model.c -o model -lm -pthread        add -march=native for this processor alone',
    ' *   ./model image.ppm',
    ' */',
    '#define _GNU_SOURCE',
    '',
  ].join('\n');
}

/**
 * A program in C that classifies one image after the other, and the file of its weights. It is the plan's evaluation for one image, in the
 * plan's formats, with instructions that every processor has. Throws UserError AMP6405 for a model that results in no classes,
 * or takes more than images.
 */
export function exportC(
  graph: Graph,
  states: ReadonlyMap<string, Float32Array>,
  facts: ModelFacts,
): Readonly<Record<string, Uint8Array | string>> {
  const shape: Shape = graph.nodes[graph.outputs.logits!]!.type.shape;
  if (shape.length !== 2)
    throw userError(
      'AMP6405',
      `${facts.model} results in no classes`,
      'it results in images, and the program classifies',
      'export it with --to onnx or --to torch',
    );
  const [further] = furtherNodes(graph);
  if (further !== undefined)
    throw userError(
      'AMP6405',
      `${facts.model} takes more than images`,
      `it also takes ${inputName(further)}, and the program reads images alone`,
      'export it with --to onnx or --to torch',
    );
  const target = defaultTarget('cpu');
  const single = endingInSingle(rebatched(graph, 1));
  const fn = planGraph({ ...orderStep(single), name: 'eval_step' }, 1, target);
  const plan: Plan = { model: facts.model, policy: facts.policy, precision: 'f32', target, functions: [fn] };
  const source = emitCalls(plan, targetFor('plain', 'other'));
  const layout = source.functions[0]!;
  const logits = layout.tensors.get('logits')!;
  if (logits.block !== 'arena') throw new Error('the logits are not computed');
  const [, height, width, channels] = fn.graph.nodes.find(isImage)!.type.shape as readonly [number, number, number, number];
  const used = new Set(fn.graph.nodes.filter(isState).map(({ attrs }) => stringAttr(attrs, 'name')));
  for (const name of used) if (!states.has(name)) throw new Error(`no elements of ${name}`);
  const sizes = {
    height,
    width,
    channels,
    results: shape[1]!,
    inputs: Math.max(64, layout.inputBytes),
    logits: logits.offset,
    scratch: ownScratch(source.memory.scratch, 1),
  };
  return { 'model.c': `${comment(facts)}${source.text}${mainText(facts, sizes)}`, 'weights.bin': packed(source.states, states) };
}
