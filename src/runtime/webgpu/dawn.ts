/// <reference types="@webgpu/types" />
import { pathToFileURL } from 'node:url';
import { userError } from '../../diagnostics/diagnostic.js';
import { findPackage, packageEntry } from '../packages.js';

/** What the npm package `webgpu` (Dawn for Node) exports. */
interface WebGpuPackage {
  create(options: readonly string[]): GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

/**
 * `vulkan_enable_f16_on_nvidia` matters for NVIDIA drivers before 615.71, which have f16 but do not claim it; `allow_unsafe_apis` lets that
 * toggle and timestamps be used. Bounds checks are left out of the shaders: generated indices stay inside their bindings.
 */
const TOGGLES = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia', 'disable_robustness'];

/** Held for the life of the process: a collected instance takes its devices with it. */
let instance: GPU | undefined;

async function importPackage(): Promise<WebGpuPackage> {
  const folder = findPackage('webgpu');
  if (folder === undefined)
    throw userError(
      'AMP6030',
      'the webgpu backend needs the package webgpu',
      'it is an optional dependency and is not installed beside ampc',
      'npm install webgpu@0.6 where ampc is installed, or name the node_modules folder that has it in AMPC_MODULES',
    );
  try {
    return (await import(pathToFileURL(packageEntry(folder)).href)) as WebGpuPackage;
  } catch (error) {
    throw userError(
      'AMP6031',
      'the package webgpu cannot be loaded',
      (error as Error).message.split('\n')[0],
      `it has builds for Linux, macOS and Windows, not for every processor and C library (here ${process.platform}-${process.arch})`,
    );
  }
}

/** The one WebGPU instance of this process. Throws UserError when the package is missing or has no build for this system. */
export async function openInstance(): Promise<GPU> {
  if (instance !== undefined) return instance;
  const { create, globals } = await importPackage();
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  instance = create([`enable-dawn-features=${TOGGLES.join(',')}`]);
  return instance;
}
