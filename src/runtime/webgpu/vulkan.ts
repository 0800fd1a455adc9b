import { existsSync, readdirSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { homeFolder } from '../../files/home.js';

/** Folders in which Vulkan's loader looks for drivers. */
function driverFolders(): string[] {
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  const home = homeFolder();
  const inHome = (name: string) => (home === undefined ? [] : [join(home, name)]);
  const bases = [
    ...(XDG_CONFIG_HOME ? [XDG_CONFIG_HOME] : inHome('.config')),
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(delimiter),
    '/etc',
    '/usr/local/etc',
    ...(XDG_DATA_HOME ? [XDG_DATA_HOME] : inHome('.local/share')),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(delimiter),
  ];
  return bases.map((base) => join(base, 'vulkan/icd.d'));
}

/**
 * Manifests of the Vulkan drivers on this Linux machine; undefined on other systems, which have their own ways. Looking before Dawn does
 * saves it from writing its disappointment to the terminal, and everyone without a GPU the time of loading it.
 */
export function findVulkanDrivers(): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (named) return named.split(delimiter).filter((path) => path.endsWith('.json') && existsSync(path));
  return driverFolders().flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
}

/** What the kernel shows of a GPU: Mesa's drivers and AMD's, NVIDIA's, Windows' under WSL, ARM's, Qualcomm's. */
const DEVICE_NODES = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg', '/dev/mali0', '/dev/kgsl-3d0'];

/** Whether there are drivers but, on Linux, no GPU that they could drive: Mesa's lavapipe or SwiftShader at most. */
export function areSoftware(drivers: readonly string[] | undefined): boolean {
  if (drivers === undefined || drivers.length === 0) return false;
  return drivers.every((path) => /^(lvp|vk_swiftshader)/.test(basename(path))) || !DEVICE_NODES.some((path) => existsSync(path));
}
