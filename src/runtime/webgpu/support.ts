import type { AdapterFacts } from './adapter.js';

/** What `ampc backends` says of `shader-f16`. */
export function f16Support({ vendor, f16 }: Pick<AdapterFacts, 'vendor' | 'f16'>): string {
  if (!f16) return 'no: the driver has no shader-f16, so plans are f32';
  if (!/nvidia/i.test(vendor)) return 'yes';
  return 'yes (for drivers before 615.71 ampc switches it on with the toggle vulkan_enable_f16_on_nvidia)';
}

/** What `ampc backends` says of the experimental subgroup matrices. */
export function matrixSupport({ matrix, matrixUnit, software }: Pick<AdapterFacts, 'matrix' | 'matrixUnit' | 'software'>): string {
  if (matrix.length === 0) return 'no';
  const use = matrixUnit === undefined ? 'none for f16 with f32 sums' : software ? 'not used: slower on a processor' : 'used for f16';
  return `${matrix.join(', ')} (${use})`;
}

/** What `ampc backends` says of an adapter. */
export function describeAdapter(facts: AdapterFacts): Readonly<Record<string, string>> {
  return {
    vendor: facts.vendor,
    driver: facts.driver,
    'shader-f16': f16Support(facts),
    subgroups: facts.subgroups ? 'yes' : 'no',
    matrix: matrixSupport(facts),
  };
}

/** The adapters that are not used, in a line each. */
export function describeOthers(others: readonly AdapterFacts[]): Readonly<Record<string, string>> {
  const line = (facts: AdapterFacts) => {
    const said = Object.entries(describeAdapter(facts)).map(([what, text]) => `${what}: ${text}`);
    return `${facts.name}${facts.software ? ' (software)' : ''}; ${said.join('; ')}`;
  };
  return Object.fromEntries(others.map((facts, i) => [i === 0 ? 'not used' : `not used ${i + 1}`, line(facts)]));
}
