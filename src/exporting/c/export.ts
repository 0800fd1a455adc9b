import { emitCalls } from '../../codegen/c/emit.js';
import { targetFor } from '../../codegen/c/target.js';
import { ownScratch } from '../../codegen/c/workspace.js';
import { isState } from '../../ir/structure.js';
import { type Graph, stringAttr } from '../../ir/types.js';
import { toBytes } from '../../numeric/encoding.js';
import type { FloatType } from '../../numeric/formats.js';
import type { Plan } from '../../plan/plan.js';
import { planGraph } from '../../plan/plan-graph.js';
import { defaultTarget } from '../../plan/target.js';
import { refuseUnlessClassifier } from '../classifier.js';
import { forOneImage, isImage } from '../evaluation-graph.js';
import type { ModelFacts } from '../facts.js';
import { mainText } from './main.js';

/** The states as the generated code has them in memory. */
function packed(layout: ReturnType<typeof emitCalls>['states'], states: ReadonlyMap<string, Float32Array>): Uint8Array {
  const bytes = new Uint8Array(layout.bytes);
  for (const [name, { offset, type }] of layout.slots) bytes.set(toBytes(type.dtype as FloatType, states.get(name)!), offset);
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
  refuseUnlessClassifier(graph, facts.model, 'the program');
  const target = defaultTarget('cpu');
  const single = forOneImage(graph);
  const fn = planGraph(single, 1, target);
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
    results: logits.type.shape[1]!,
    inputs: Math.max(64, layout.inputBytes),
    logits: logits.offset,
    scratch: ownScratch(source.memory.scratch, 1),
  };
  return { 'model.c': `${comment(facts)}${source.text}${mainText(facts, sizes)}`, 'weights.bin': packed(source.states, states) };
}
