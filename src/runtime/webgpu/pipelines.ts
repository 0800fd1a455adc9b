import type { ShaderSource, WgslProgram } from '../../codegen/wgsl/emit.js';
import type { Binding } from '../../codegen/wgsl/kernel.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { FunctionName } from '../../plan/plan.js';
import type { Blocks } from './buffers.js';
import { dawnSays } from './dawn.js';

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

/** Compiles all shaders at once and binds every dispatch, by function and group. */
export async function bindProgram(
  device: GPUDevice,
  program: WgslProgram,
  blocks: Blocks,
): Promise<ReadonlyMap<FunctionName, readonly (readonly BoundDispatch[])[]>> {
  const layouts = program.shaders.map(({ bindings }) => layoutOf(device, bindings));
  const pipelines = await Promise.all(program.shaders.map((shader, i) => compileShader(device, shader, layouts[i]!)));
  const functions = program.functions.map(({ name, groups }): [FunctionName, BoundDispatch[][]] => [
    name as FunctionName,
    groups.map(({ dispatches }) =>
      dispatches.map(({ shader, bindings, workgroups }) => ({
        pipeline: pipelines[shader]!,
        bindGroup: device.createBindGroup({
          layout: layouts[shader]!,
          entries: bindings.map(({ place }, binding) => ({
            binding,
            resource: { ...blocks.at(place), size: place.bytes },
          })),
        }),
        workgroups,
      })),
    ),
  ]);
  return new Map(functions);
}

export function encodeDispatches(pass: GPUComputePassEncoder, dispatches: readonly BoundDispatch[]): void {
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
}
