import { emitWgsl } from '../../codegen/wgsl/emit.js';
import { WGSL_FORMATS } from '../../codegen/wgsl/formats.js';
import { DEFAULT_TARGET } from '../../codegen/wgsl/target.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { Graph } from '../../ir/types.js';
import { toBytes } from '../../numeric/encoding.js';
import type { FloatType } from '../../numeric/formats.js';
import type { Plan } from '../../plan/plan.js';
import { planGraph } from '../../plan/plan-graph.js';
import { defaultTarget } from '../../plan/target.js';
import { forOneImage, isImage } from '../evaluation-graph.js';
import type { ModelFacts } from '../facts.js';

/** Where something is: a block of buffers, and bytes in it. */
type Place = readonly [block: string, offset: number, bytes: number];

/** A plan's evaluation of one image as compute shaders, for any device of WebGPU. */
export interface WebProgram {
  /** Whether values are stored in f16: the device needs `shader-f16`. */
  readonly f16: boolean;
  readonly image: { readonly shape: readonly number[]; readonly offset: number };
  readonly logits: Place;
  /** Bytes of each block; one that is larger than a buffer is several. */
  readonly blocks: Readonly<Record<string, number>>;
  readonly bufferBytes: number;
  readonly shaders: readonly { readonly label: string; readonly code: string; readonly access: readonly string[] }[];
  readonly dispatches: readonly { readonly shader: number; readonly places: readonly Place[]; readonly workgroups: readonly number[] }[];
}

/** The program, and its weights as they lie in the block `states`. Throws UserError AMP6406 for values in a format that WGSL lacks. */
export function webProgram(graph: Graph, states: ReadonlyMap<string, Float32Array>, facts: ModelFacts) {
  const missing = graph.nodes.map(({ type }) => type.dtype).find((dtype) => WGSL_FORMATS.of[dtype] === undefined);
  if (missing !== undefined)
    throw userError(
      'AMP6406',
      `${facts.model} cannot run in a browser: it has values in ${missing}`,
      'WebGPU’s shaders have f32 and f16',
      'export it with --precision fp16 or --precision fp32',
    );
  const target = defaultTarget('webgpu');
  const fn = planGraph(forOneImage(graph), 1, target);
  const plan: Plan = { model: facts.model, policy: facts.policy, precision: 'f32', target, functions: [fn] };
  const f16 = fn.graph.nodes.some(({ type }) => type.dtype === 'f16');
  const { shaders, functions, states: layout, memory, bufferBytes } = emitWgsl(plan, { ...DEFAULT_TARGET, f16 });
  const [own] = functions;
  const image = fn.graph.nodes.find(isImage)!.type.shape.slice(1);
  const { place } = own!.layout.tensors.get('logits')!;
  const bytes = new Uint8Array(layout.bytes);
  for (const [name, { offset, type }] of layout.slots) bytes.set(toBytes(type.dtype as FloatType, states.get(name)!), offset);
  const placed = ({ block, offset, bytes: size }: typeof place): Place => [block, offset, size];
  const program: WebProgram = {
    f16,
    image: { shape: image, offset: own!.layout.inputs.get('image')!.offset },
    logits: placed(place),
    blocks: { states: memory.states, inputs: memory.inputs, arena: memory.arena, work: memory.workspace },
    bufferBytes,
    shaders: shaders.map(({ label, code, bindings }) => ({ label, code, access: bindings.map(({ access }) => access) })),
    dispatches: own!.groups.flatMap(({ dispatches }) =>
      dispatches.map(({ shader, bindings, workgroups }) => ({
        shader,
        places: bindings.map((binding) => placed(binding.place)),
        workgroups,
      })),
    ),
  };
  return { program, weights: bytes };
}
