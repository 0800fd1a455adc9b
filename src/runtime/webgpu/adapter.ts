import type { GpuLimits } from '../../codegen/gpu/target.js';
import type { MatrixUnit, WgslTarget } from '../../codegen/wgsl/target.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { platform } from '../../platform/system.js';
import { openInstance } from './dawn.js';
import { dawnSays } from './dawn-says.js';
import { findVulkanDrivers } from './vulkan.js';

/** An adapter with what matters of it. */
export interface AdapterFacts {
  readonly adapter: GPUAdapter;
  /** `NVIDIA RTX 4090 (driver 560.35)`: the best name that the driver gives. */
  readonly name: string;
  readonly vendor: string;
  readonly driver: string;
  /** Runs on the processor. */
  readonly software: boolean;
  readonly f16: boolean;
  readonly timestamps: boolean;
  readonly subgroups: boolean;
  /** Invocations of every subgroup, where they all have the same number. */
  readonly subgroupSize: number | undefined;
  /** `16x16x16 f16 -> f32`, for each configuration of the experimental matrix feature. */
  readonly matrix: readonly string[];
  /** The one of them that multiplies f16 and adds in f32, if any. */
  readonly matrixUnit: MatrixUnit | undefined;
}

/** Dawn's experimental features that the matrix path needs, besides subgroups. */
const MATRIX_FEATURES = ['chromium-experimental-subgroup-matrix'] as unknown as readonly GPUFeatureName[];

interface MatrixConfig {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly componentType: string;
  readonly resultComponentType: string;
}

interface ExtendedInfo extends GPUAdapterInfo {
  readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
}

/** Of the sizes for f16 operands and f32 sums: the largest. */
function chooseUnit(configs: readonly MatrixConfig[], lanes: number): MatrixUnit | undefined {
  const units = configs
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .map(({ M: m, N: n, K: k }): MatrixUnit => ({ m, n, k, lanes }));
  return units.sort((x, y) => y.m * y.n * y.k - x.m * x.n * x.k)[0];
}

function driverAdvice(): string {
  if (platform === 'linux')
    return (
      "install the GPU's Vulkan driver, or for a software adapter Mesa 24 or newer (Debian 12: mesa-vulkan-drivers from " +
      'bookworm-backports)'
    );
  if (platform === 'browser') return 'use a browser with WebGPU, and turn on its hardware acceleration';
  return 'install the current driver of the GPU';
}

/** The adapter that would be used. Throws UserError when there is none, with what to install. */
export async function findAdapter(): Promise<AdapterFacts> {
  const missing = (why: string) => userError('AMP6032', 'WebGPU found no adapter', why, driverAdvice());
  if (findVulkanDrivers()?.length === 0) throw missing('no Vulkan driver is installed');
  const gpu = await openInstance();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw missing('no Vulkan, Metal or Direct3D 12 driver offers one that Dawn accepts');
  return factsOf(adapter);
}

/** Adapters beside the one that would be used, as far as WebGPU shows them: a processor's own GPU, a software adapter. */
export async function findOthers(used: AdapterFacts): Promise<readonly AdapterFacts[]> {
  const gpu = await openInstance();
  const others = new Map<string, AdapterFacts>();
  for (const options of [{ powerPreference: 'low-power' }, { forceFallbackAdapter: true }] as const) {
    const adapter = await gpu.requestAdapter(options);
    if (adapter === null) continue;
    const facts = factsOf(adapter);
    if (facts.name !== used.name || facts.driver !== used.driver) others.set(`${facts.name} ${facts.driver}`, facts);
  }
  return [...others.values()];
}

function factsOf(adapter: GPUAdapter): AdapterFacts {
  const info = adapter.info as ExtendedInfo;
  const configs = [...(info.subgroupMatrixConfigs ?? [])];
  const software =
    info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|basic render/i.test(`${info.device} ${info.description} ${info.architecture}`);
  return {
    adapter,
    name: (info.device || info.architecture || info.vendor || 'unknown adapter').replace(/-+$/, ''),
    vendor: info.vendor || 'unknown',
    driver: info.description || 'unknown',
    software,
    f16: adapter.features.has('shader-f16'),
    timestamps: adapter.features.has('timestamp-query'),
    subgroups: adapter.features.has('subgroups'),
    subgroupSize:
      adapter.features.has('subgroups') && info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMaxSize || undefined : undefined,
    matrix: configs.map((c) => `${c.M}x${c.N}x${c.K} ${c.componentType} -> ${c.resultComponentType}`),
    matrixUnit: ['subgroups' as const, ...MATRIX_FEATURES].every((name) => adapter.features.has(name))
      ? chooseUnit(configs, info.subgroupMaxSize ?? 128)
      : undefined,
  };
}

export function limitsOf({ limits }: { readonly limits: GPUSupportedLimits }): GpuLimits {
  return {
    storageBuffers: limits.maxStorageBuffersPerShaderStage,
    bindingBytes: limits.maxStorageBufferBindingSize,
    bufferBytes: limits.maxBufferSize,
    offsetAlignment: limits.minStorageBufferOffsetAlignment,
    workgroupInvocations: Math.min(256, limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    workgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
  };
}

/** The limits that a kernel or a buffer can run into, as the adapter has them. */
function requiredLimits({ limits }: GPUAdapter): Record<string, number> {
  const names = [
    'maxStorageBuffersPerShaderStage',
    'maxStorageBufferBindingSize',
    'maxBufferSize',
    'minStorageBufferOffsetAlignment',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupStorageSize',
    'maxComputeWorkgroupsPerDimension',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, limits[name]]));
}

/**
 * What the generator needs to know of an adapter. A processor has no matrix unit: what Mesa offers in its place only costs time, so that
 * path is left to hardware.
 */
export function targetOf({ f16, software, subgroupSize, matrixUnit }: AdapterFacts, limits: GpuLimits): WgslTarget {
  return { f16, contractions: software ? 'lanes' : 'tiles', broadcast: subgroupSize, matrix: software ? undefined : matrixUnit, limits };
}

/** A device with everything that the adapter offers, and what the generator needs to know of it. */
export async function openDevice(facts: AdapterFacts): Promise<{ device: GPUDevice; target: WgslTarget }> {
  const { adapter, f16, timestamps, subgroups, matrixUnit } = facts;
  const features: GPUFeatureName[] = [
    ...(f16 ? ['shader-f16' as const] : []),
    ...(timestamps ? ['timestamp-query' as const] : []),
    ...(subgroups ? ['subgroups' as const] : []),
    ...(matrixUnit === undefined ? [] : MATRIX_FEATURES),
  ];
  try {
    const device = await adapter.requestDevice({ requiredFeatures: features, requiredLimits: requiredLimits(adapter) });
    return { device, target: targetOf(facts, limitsOf(device)) };
  } catch (error) {
    throw userError(
      'AMP6033',
      `the adapter ${facts.name} gives no device`,
      dawnSays((error as Error).message),
      'another program may hold the GPU, or its driver needs an update',
    );
  }
}
