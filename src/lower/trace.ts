import type { Span } from '../diagnostics/diagnostic.js';
import type { Shape } from '../ir/types.js';
import type { Stage } from '../parser/ast.js';

/** One application of a stage while a model is expanded. Places are offsets, as those of the tree. */
export interface StageTrace {
  readonly stage: Stage;
  /** Path of the layer, or of the block or repetition whose layers have it before their names; empty of an `if`. */
  readonly path: string;
  /** Of its result, without the batch; undefined where that is no single value of the graph. */
  readonly shape: Shape | undefined;
  /** The calls that it stands within, outermost first: its block is called there. */
  readonly calls: readonly Span[];
}

/** A list that keeps what is added to it up to so many: nobody looks at more of a model that repeats without end. */
export class Trace {
  readonly stages: StageTrace[] = [];

  constructor(private readonly limit = 100_000) {}

  add(stage: StageTrace): void {
    if (this.stages.length < this.limit) this.stages.push(stage);
  }
}
