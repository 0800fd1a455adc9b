import type { FunctionLayout } from '../../codegen/gpu/layout.js';
import { storageType } from '../../codegen/wgsl/formats.js';
import { elementCount, type Graph, type ValueId } from '../../ir/types.js';
import type { Blocks, Reader } from './buffers.js';

const NONE = 0xffffffff;
const SIZE = 64;
const INVOCATIONS = 64 * 64;

/**
 * Looks at exponents: all ones is an infinity or a NaN. A pair of f16 shares a word; the odd one out at the end has only its lower half.
 */
const CHECK = `
struct Check { count: u32, node: u32, halves: u32 }
@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<uniform> check: Check;
@group(0) @binding(2) var<storage, read_write> first: atomic<u32>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3u) {
  var found = false;
  if (check.halves == 1u) {
    for (var i = id.x; i < check.count; i += ${INVOCATIONS}u) {
      let bits = words[i >> 1u] >> ((i & 1u) * 16u);
      found = found || (bits & 0x7c00u) == 0x7c00u;
    }
  } else {
    for (var i = id.x; i < check.count; i += ${INVOCATIONS}u) { found = found || (words[i] & 0x7f800000u) == 0x7f800000u; }
  }
  if (found) { atomicMin(&first, check.node); }
}`;

/** Finds the first value, in plan order, that holds an infinity or a NaN: one check behind each group, of what it stored. */
export class Tracer {
  readonly #pipeline: GPUComputePipeline;
  readonly #first: GPUBuffer;
  #parameters: GPUBuffer[] = [];

  constructor(
    private readonly device: GPUDevice,
    private readonly blocks: Blocks,
  ) {
    this.#pipeline = device.createComputePipeline({
      label: 'trace',
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: CHECK }) },
    });
    this.#first = device.createBuffer({
      label: 'trace',
      size: 4,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
  }

  begin(): void {
    for (const buffer of this.#parameters) buffer.destroy();
    this.#parameters = [];
    this.device.queue.writeBuffer(this.#first, 0, Uint32Array.of(NONE));
  }

  check(pass: GPUComputePassEncoder, graph: Graph, layout: FunctionLayout, value: ValueId): void {
    const { dtype, shape } = graph.nodes[value]!.type;
    const place = layout.places.get(value);
    if (place === undefined) return;
    const parameters = this.device.createBuffer({ label: 'trace', size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.#parameters.push(parameters);
    this.device.queue.writeBuffer(parameters, 0, Uint32Array.of(elementCount(shape), value, storageType(dtype) === 'f16' ? 1 : 0, 0));
    const entries = [{ ...this.blocks.at(place), size: place.bytes }, { buffer: parameters }, { buffer: this.#first }];
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(
      0,
      this.device.createBindGroup({
        layout: this.#pipeline.getBindGroupLayout(0),
        entries: entries.map((resource, binding) => ({ binding, resource })),
      }),
    );
    pass.dispatchWorkgroups(INVOCATIONS / SIZE);
  }

  async result(reader: Reader): Promise<ValueId | undefined> {
    const [bytes] = await reader.read([{ buffer: this.#first, offset: 0, bytes: 4 }]);
    const [node] = new Uint32Array(bytes!.buffer);
    return node === NONE ? undefined : node;
  }

  destroy(): void {
    for (const buffer of this.#parameters) buffer.destroy();
    this.#first.destroy();
  }
}
