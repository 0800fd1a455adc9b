import type { Binding } from '../../codegen/gpu/kernel.js';
import type { ShaderSource, WgslProgram } from '../../codegen/wgsl/emit.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { FunctionName } from '../../plan/plan.js';
import type { Blocks } from './buffers.js';
import { dawnSays } from './dawn-says.js';

/** A dispatch with everything bound. */
export interface BoundDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

function layoutOf(device: GPUDevice, bindings: readonly Pick<Binding, 'access'>[]): GPUBindGroupLayout {
  return device.createBindGroupLayout({
    entries: bindings.map(({ access }, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
    })),
  });
}

/** Throws UserError with the driver's message: generated code that is refused is a bug, of ampc or of the driver. */
async function compileShader(device: GPUDevice, { label, code }: ShaderSource, layout: GPUBindGroupLayout): Promise<GPUComputePipeline> {
  const refused = (message: string) =>
    userError(
      'AMP6036',
      `the GPU's driver refused the kernel of ${label}`,
      dawnSays(message),
      'this is a bug in ampc or in the driver: report it with the output of ampc plan --emit wgsl',
    );
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code });
  const invalid = device.popErrorScope();
  const compute = { module };
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const pipeline = device.createComputePipelineAsync({ label, layout: pipelineLayout, compute }).catch((error: unknown) => {
    throw refused((error as Error).message);
  });
  const [error, result] = await Promise.allSettled([invalid, pipeline]);
  if (error.status === 'fulfilled' && error.value !== null) throw refused(error.value.message);
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** Compiles the shaders of functions when these are first asked for, those of a function at once, and binds their dispatches. */
export class Pipelines {
  readonly #layouts: readonly GPUBindGroupLayout[];
  /** By shader: functions share those of equal code. */
  readonly #compiled = new Map<number, Promise<GPUComputePipeline>>();
  readonly #bound = new Map<FunctionName, Promise<readonly (readonly BoundDispatch[])[]>>();

  constructor(
    private readonly device: GPUDevice,
    private readonly program: WgslProgram,
    private readonly blocks: Blocks,
  ) {
    this.#layouts = program.shaders.map(({ bindings }) => layoutOf(device, bindings));
  }

  /** The dispatches of a function, by group. Throws UserError where the driver refuses a shader. */
  of(name: FunctionName): Promise<readonly (readonly BoundDispatch[])[]> {
    const known = this.#bound.get(name);
    if (known !== undefined) return known;
    const bound = this.#bind(name);
    // A failure surfaces where the function is called.
    bound.catch(() => undefined);
    this.#bound.set(name, bound);
    return bound;
  }

  /** Waits until nothing is being compiled. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#bound.values());
  }

  #compile(shader: number): Promise<GPUComputePipeline> {
    const known = this.#compiled.get(shader);
    if (known !== undefined) return known;
    const pipeline = compileShader(this.device, this.program.shaders[shader]!, this.#layouts[shader]!);
    pipeline.catch(() => undefined);
    this.#compiled.set(shader, pipeline);
    return pipeline;
  }

  async #bind(name: FunctionName): Promise<readonly (readonly BoundDispatch[])[]> {
    const fn = this.program.functions.find((other) => other.name === name);
    if (fn === undefined) throw new Error(`the plan has no function ${name}`);
    const used = [...new Set(fn.groups.flatMap(({ dispatches }) => dispatches.map(({ shader }) => shader)))];
    const pipelines = new Map(await Promise.all(used.map(async (shader) => [shader, await this.#compile(shader)] as const)));
    return fn.groups.map(({ dispatches }) =>
      dispatches.map(({ shader, bindings, workgroups }) => ({
        pipeline: pipelines.get(shader)!,
        bindGroup: this.device.createBindGroup({
          layout: this.#layouts[shader]!,
          entries: bindings.map(({ place }, binding) => ({
            binding,
            resource: { ...this.blocks.at(place), size: place.bytes },
          })),
        }),
        workgroups,
      })),
    );
  }
}

export function encodeDispatches(pass: GPUComputePassEncoder, dispatches: readonly BoundDispatch[]): void {
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
}
