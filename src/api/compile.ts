import { COMPILE_KEYS, refuseUnknown } from '../choose/option-keys.js';
import { type Compiled, type CompileOptions, compile as compileFile } from '../choose/plan-file.js';
import type { Source } from '../diagnostics/diagnostic.js';

/** The plan of a file, for a backend that need not run here. Throws UserError as `lowerProgram`, and AMP6214 for an unknown option. */
export async function compile(input: string | Source, options: CompileOptions = {}): Promise<Compiled> {
  refuseUnknown('compile', options, COMPILE_KEYS);
  return compileFile(input, options);
}
