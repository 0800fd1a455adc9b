/// <reference types="@webgpu/types" />
import type { Context } from 'mocha';
import { skip } from '../support/skip.js';

/** Dawn's device that runs nothing, but whose compiler checks everything; needs no driver. */
export interface NullDevice {
  /** Invocations of its largest subgroup, and of a workgroup. */
  readonly lanes: number;
  readonly invocations: number;
  /** What Dawn has against a shader, or (`pipeline`) its main function as a compute pipeline; undefined when nothing. */
  compile(code: string, pipeline?: boolean): Promise<string | undefined>;
  close(): void;
}

/** Skips the suite, with the reason, where the package is missing or the device lacks a feature. */
export async function openNullDevice(context: Context, features: readonly string[]): Promise<NullDevice> {
  const name = 'webgpu';
  const loaded = (await import(name).catch(() => undefined)) as { create(options: readonly string[]): GPU } | undefined;
  if (loaded === undefined) skip(context, 'the package webgpu is not installed or has no build for this system');
  const instance = loaded!.create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await instance.requestAdapter();
  const missing = features.filter((feature) => adapter?.features.has(feature) !== true);
  if (adapter === null || missing.length > 0) skip(context, `Dawn's null device lacks ${missing.join(', ')}`);
  const { maxComputeInvocationsPerWorkgroup: invocations, maxComputeWorkgroupSizeX } = adapter!.limits;
  const device = await adapter!.requestDevice({
    requiredFeatures: features as unknown as GPUFeatureName[],
    requiredLimits: { maxComputeInvocationsPerWorkgroup: invocations, maxComputeWorkgroupSizeX },
  });
  const check = async (code: string, pipeline: boolean) => {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code });
    if (pipeline) device.createComputePipeline({ layout: 'auto', compute: { module } });
    return (await device.popErrorScope())?.message;
  };
  return {
    lanes: adapter!.info.subgroupMaxSize ?? 0,
    invocations,
    compile: (code, pipeline = false) => check(code, pipeline),
    // The instance is held until here: a collected one takes its device with it.
    close: () => void (instance && device.destroy()),
  };
}
