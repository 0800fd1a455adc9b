import { type Source, UserError, userError } from '../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../ir/program.js';
import { lowerProgram } from '../lower/lower.js';

/** Whether a text looks like a data set as a file has it: `folder("photos")`. */
export function isWritten(text: string): boolean {
  return /^\w+\s*\(/.test(text);
}

/**
 * What a file would say whose data set and settings are these. `path` is what mistakes are said to be in; paths in the text are taken from
 * the working folder. Throws UserError as a file with that section.
 */
export function lowerWritten(path: string, dataset: string, settings: string): { readonly spec: DatasetSpec; readonly at: Source } {
  const model = 'model Any(image: dataset.shape) -> [dataset.classes] { image |> flatten |> linear(dataset.classes) }';
  const at: Source = { path, text: `dataset ${dataset} {\n  ${settings}\n}\n${model}\n` };
  return { spec: lowerProgram(at, { images: 0 }).recipe.dataset, at };
}

/** Where nothing is known of the files, the reason is all that counts: there is no model that asks for it. */
export function unreadable(error: unknown): unknown {
  const [first] = error instanceof UserError ? error.diagnostics : [];
  if (first?.code !== 'AMP4018') return error;
  const why = first.why?.startsWith('paths in a `.amp` file') ? 'paths are taken from the working folder' : first.why;
  // How to divide what is not divided is told as it is.
  const fix = first.fix?.includes('split(test') ? first.fix : 'check the path, and what lies there';
  return userError('AMP7016', first.message, why, fix);
}
