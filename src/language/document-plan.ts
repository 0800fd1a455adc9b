import { compilePasses } from '../compile.js';
import type { Program } from '../ir/program.js';
import { isCast, isState } from '../ir/structure.js';
import { elementCount, isFloat, type Node, type TensorType } from '../ir/types.js';
import type { CostTable } from '../plan/cost-table.js';
import { phaseOf, trainStep } from '../plan/facts.js';
import { type Footprint, footprint } from '../plan/footprint.js';
import type { Plan } from '../plan/plan.js';
import { type CastReport, castReports, type LayerReport, layerReports } from '../plan/report.js';
import { isDeclaration } from '../plan/storage.js';
import type { PlanTarget } from '../plan/target.js';
import { type PlanTimes, planTimes } from '../plan/times.js';

/** What the plan decided for the layers at or below a path. */
export interface LayerFacts {
  /** Of the last one's result. */
  readonly result: TensorType;
  readonly reports: readonly LayerReport[];
  readonly casts: readonly CastReport[];
  readonly parameters: number;
}

/** The plan of a document with what is shown of it. */
export class DocumentPlan {
  readonly parameters: number;
  private readonly results = new Map<string, TensorType>();
  private readonly sizes = new Map<string, number>();
  private readonly reports: readonly LayerReport[];
  private readonly casts: readonly CastReport[];
  private readonly kept = new Map<string, LayerFacts | undefined>();

  constructor(
    readonly plan: Plan,
    readonly program: Program,
    readonly times: PlanTimes | undefined,
  ) {
    const fn = trainStep(plan);
    let parameters = 0;
    for (const node of fn.graph.nodes) {
      if (isState(node) && node.attrs.role === 'parameter') {
        const count = elementCount(node.type.shape);
        parameters += count;
        this.sizes.set(node.layer, (this.sizes.get(node.layer) ?? 0) + count);
      } else if (phaseOf(node) === 'forward' && !isDeclaration(node) && !isCast(node) && !this.isBesides(node)) {
        this.results.set(node.layer, node.type);
      }
    }
    this.parameters = parameters;
    this.reports = layerReports(fn, times);
    this.casts = castReports(plan, times).filter((cast) => cast.function === fn.name);
  }

  /** What a layer makes for its own backward pass beside its result, such as the places of a pool. */
  private isBesides({ layer, type }: Node): boolean {
    const result = this.results.get(layer);
    return result !== undefined && isFloat(result.dtype) && !isFloat(type.dtype);
  }

  get memory(): Footprint {
    return footprint(this.plan);
  }

  /** Of a layer, or of all those of a block. */
  at(path: string): LayerFacts | undefined {
    if (!this.kept.has(path)) this.kept.set(path, this.find(path));
    return this.kept.get(path);
  }

  private find(path: string): LayerFacts | undefined {
    const isWithin = (layer: string) => layer === path || (layer.startsWith(path) && layer[path.length] === '.');
    const result = [...this.results].findLast(([layer]) => isWithin(layer))?.[1];
    if (result === undefined) return undefined;
    const parameters = [...this.sizes].reduce((sum, [layer, count]) => sum + (isWithin(layer) ? count : 0), 0);
    return {
      result,
      reports: this.reports.filter(({ layer }) => isWithin(layer)),
      casts: this.casts.filter(({ layer }) => isWithin(layer)),
      parameters,
    };
  }
}

export interface PlanningOptions {
  readonly target: PlanTarget;
  /** Times of kernels, where they are known. */
  readonly costs?: CostTable | undefined;
  /** Resolves when the passes may go on: whoever waits for something else gets to it before. */
  readonly breathe: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Plans a program pass by pass. Throws UserError where the backend cannot have it, and the signal's reason when that is aborted. */
export async function planDocument(program: Program, { target, costs, breathe, signal }: PlanningOptions): Promise<DocumentPlan> {
  const passes = compilePasses(program, target);
  for (;;) {
    signal?.throwIfAborted();
    const next = passes.next();
    if (next.done === true) {
      return new DocumentPlan(next.value, program, costs && planTimes(next.value, program.recipe.train.accumulate, costs));
    }
    await breathe();
  }
}

/** What a program says to the planner: two that are equal in it have the same plan, wherever their layers stand in the text. */
export function programKey({ recipe, train, eval: evaluation, tail }: Program, target: PlanTarget): string {
  const nodesOf = (graph: Program['train']) => graph.nodes.map(({ op, inputs, attrs, type, layer }) => [op, inputs, attrs, type, layer]);
  return JSON.stringify([target, recipe, nodesOf(train), train.outputs, nodesOf(evaluation), tail && [tail.before, nodesOf(tail.train)]]);
}
