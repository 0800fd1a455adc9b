import type { Diagnostic } from '../diagnostics/diagnostic.js';
import type { DatasetSpec, Program } from '../ir/program.js';
import type { BlockSection } from '../parser/ast.js';
import type { ParseResult } from '../parser/parse.js';
import type { Modules } from './modules.js';
import type { Names } from './names.js';
import type { StageTrace } from './trace.js';

/** All that can be known of a source, whatever is wrong with it. */
export interface SourceAnalysis {
  readonly parsed: ParseResult;
  /** As `checkSource` has them. */
  readonly diagnostics: readonly Diagnostic[];
  readonly modules: Modules;
  /** What the names stand for; undefined where a file that it uses cannot be read. */
  readonly names: Names | undefined;
  /** What the stages of the model make, up to where it is known. */
  readonly stages: readonly StageTrace[];
  /** The data set, where it is known. */
  readonly dataset: DatasetSpec | undefined;
  /** The blocks that it can call. */
  readonly blocks: ReadonlyMap<string, BlockSection>;
  /** What is trained, as `lowerProgram` has it; undefined where there is a mistake or no model. */
  program(): Program | undefined;
}
