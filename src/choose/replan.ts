import { compileProgram } from '../compile.js';
import { given } from '../given.js';
import type { FoundPin } from '../ir/pin.js';
import type { Ranks } from '../ir/ranks.js';
import { lowerProgram } from '../lower/lower.js';
import { comparePlans } from '../memory/plan-memory.js';
import { hasShortRange } from '../numeric/formats.js';
import { valueLabel } from '../plan/facts.js';
import type { Plan } from '../plan/plan.js';
import { printPlan } from '../plan/print.js';
import { pinCandidates } from '../plan/probe.js';
import type { Executable } from '../runtime/backend.js';
import type { Replanned, Replanner } from '../training/options.js';
import type { Overflow } from '../training/overflow/overflow.js';
import { withStoredFormats } from './formats.js';
import type { Runnable } from './plan-file.js';
import { pickSettings } from './settings.js';

export interface ReplanContext {
  readonly runnable: Runnable;
  readonly executable: Executable;
  readonly load: (plan: Plan) => Promise<Executable>;
  /** config.json of a plan. */
  readonly config: (runnable: Runnable) => unknown;
  /** Training images of an epoch. */
  readonly images: number;
  readonly ranks?: Ranks | undefined;
}

/**
 * Makes the plans of a run that starts with `context`'s, may take further pins, and freezes other parameters later on. Holds the one
 * executable of the run.
 */
export class RunPlans implements Replanner {
  private runnable: Runnable;
  executable: Executable;

  constructor(private readonly context: ReplanContext) {
    ({ runnable: this.runnable, executable: this.executable } = context);
  }

  private planWith(pins: readonly FoundPin[]): Runnable {
    const { backend, info, source, settings, lowered } = this.runnable;
    const { formats } = this.runnable;
    const all = { ...formats, pins: [...(formats?.pins ?? []), ...pins] };
    const program = withStoredFormats(lowered, all);
    const plan = compileProgram(program, info.target);
    return { source, settings, lowered, backend, info, program, plan, formats: all };
  }

  /** Whether `layers` in f32 leave nothing of that name in a format as short. */
  private helps(layers: readonly string[], { function: fn, value, dtype }: Overflow): boolean {
    const { plan } = this.planWith(layers.map((pattern) => ({ pattern, dtype: 'f32', origin: { kind: 'replan', text: 'tried' } })));
    const graph = plan.functions.find(({ name }) => name === fn)?.graph;
    return graph?.nodes.every((node) => node.type.dtype !== dtype || valueLabel(graph, node.id) !== value) ?? false;
  }

  advise(overflow: Overflow): readonly string[] {
    if (!hasShortRange(overflow.dtype)) return [];
    const graph = this.runnable.plan.functions.find(({ name }) => name === overflow.function)!.graph;
    const node = graph.nodes.find(
      ({ id, op, layer, type }) =>
        op === overflow.op && layer === overflow.layer && type.dtype === overflow.dtype && valueLabel(graph, id) === overflow.value,
    );
    if (node === undefined) return [];
    const candidates = pinCandidates(graph, node);
    const single = candidates.find((layer) => this.helps([layer], overflow));
    if (single !== undefined) return [single];
    return candidates.length > 1 && this.helps(candidates, overflow) ? candidates : [];
  }

  async adopt(pins: readonly FoundPin[]): Promise<Replanned> {
    return this.take(this.planWith(pins));
  }

  get phases(): readonly number[] {
    return this.runnable.lowered.phases ?? [];
  }

  enter(phase: number): Promise<Replanned> {
    const { source, settings, formats, backend, info } = this.runnable;
    const lowered = lowerProgram(source, {
      overrides: pickSettings(settings),
      images: this.context.images,
      epoch: phase,
      ...given({ ranks: this.context.ranks }),
    });
    const program = formats === undefined ? lowered : withStoredFormats(lowered, formats);
    const plan = compileProgram(program, info.target);
    return this.take({ source, settings, lowered, backend, info, program, plan, ...(formats && { formats }) });
  }

  /** Loads a plan in the place of the present one. */
  private async take(next: Runnable): Promise<Replanned> {
    const executable = await this.context.load(next.plan);
    await this.executable.dispose();
    const diff = await comparePlans(this.runnable.plan, next.plan);
    this.runnable = next;
    this.executable = executable;
    const contents = { source: next.source, config: this.context.config(next), plan: printPlan(next.plan) };
    return { plan: next.plan, executable, recipe: next.program.recipe, pins: next.formats?.pins ?? [], contents, diff };
  }
}
