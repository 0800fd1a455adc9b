import { BadFile } from './bad-file.js';
import type { StateDict } from './torch-file.js';

export type { StateDict, StateDictEntry } from './torch-file.js';

export function readStateDict(_: Uint8Array): StateDict {
  throw new BadFile('a browser reads weights of safetensors alone');
}
