import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSpec, type SpecFile } from '../src/api/spec/spec.js';

/** The repository: specs name its files from here. */
export const ROOT = fileURLToPath(new URL('../', import.meta.url));

export interface NamedSpec extends SpecFile {
  /** `check/unknown-layer` */
  readonly name: string;
}

/** All cases below specs/, validated. */
export function loadSpecs(): readonly NamedSpec[] {
  const folder = `${ROOT}specs/`;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  return names
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => ({ ...loadSpec(`${folder}${name}`), name: name.replace(/\.yaml$/, '') }));
}
