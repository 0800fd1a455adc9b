import { type Compiled, explainLayers, explainPlan, type PlanReport, type Settings, UserError } from '../src/browser.js';
import { planFor } from '../src/choose/plan-file.js';
import { emitWgsl, type WgslProgram } from '../src/codegen/wgsl/emit.js';
import type { Diagnostic } from '../src/diagnostics/diagnostic.js';
import type { Markup } from '../src/figures/markup.js';
import { DocumentPlan } from '../src/language/document-plan.js';
import { comparePlans } from '../src/memory/plan-memory.js';
import { trainStep } from '../src/plan/facts.js';
import { layerOps } from '../src/plan/layer-ops.js';
import { layerTimes } from '../src/plan/layer-times.js';
import type { Plan, PlanFunction } from '../src/plan/plan.js';
import { defaultTarget } from '../src/plan/target.js';
import { describeBackend } from '../src/runtime/select.js';
import { layersPicture, opsPicture } from './plan-pictures.js';

export interface Kernel {
  readonly name: string;
  readonly code: string;
}

/** A text with what the switches change of it, and the plan that this has. */
interface Planned {
  readonly text: string;
  readonly settings: Settings;
  readonly compiled: Compiled;
  readonly report: PlanReport;
  readonly document: DocumentPlan;
  /** Its layers. */
  readonly picture: Markup;
}

/** A plan, or the mistakes for which there is none. */
type Answer = Planned | { readonly diagnostics: readonly Diagnostic[] };

/** Plans of other settings that are remembered: somebody goes back and forth between a few. */
const REMEMBERED = 4;

/** The groups that compute something of a layer. */
function groupsOf({ graph, groups }: PlanFunction, layer: string): PlanFunction['groups'] {
  return groups.filter(({ nodes }) => nodes.some((id) => graph.nodes[id]!.layer === layer));
}

/** One plan for all that the page shows of a text and its switches: picture, hints, hovers, stories, kernels. */
export class Planner {
  private readonly answers = new Map<string, Answer>();
  private current: Planned | undefined;
  private described: ReturnType<typeof describeBackend> | undefined;
  private emitted: { readonly plan: Plan; readonly program: WgslProgram } | undefined;
  /** How often something was made anew. */
  readonly work = { plans: 0, programs: 0 };

  /** As `LanguageService.latestPlan`: of the text that last had one. */
  get latest(): DocumentPlan | undefined {
    return this.current?.document;
  }

  /** What files hold has changed: no plan is remembered. */
  forget(): void {
    this.answers.clear();
  }

  private async compile(text: string, settings: Settings, backend: 'webgpu' | 'cpu'): Promise<Compiled> {
    this.work.plans += 1;
    this.described ??= describeBackend('webgpu');
    const { info, ...selected } = await this.described;
    return planFor({ path: 'file.amp', text }, { ...selected, info: { ...info, target: defaultTarget(backend) } }, settings);
  }

  private async make(text: string, settings: Settings): Promise<Answer> {
    try {
      const compiled = await this.compile(text, settings, 'webgpu');
      const document = new DocumentPlan(compiled.plan, compiled.program, undefined);
      const report = await explainPlan(compiled);
      return { text, settings, compiled, report, document, picture: layersPicture(report) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { diagnostics: error.diagnostics };
    }
  }

  private async answer(text: string, settings: Settings): Promise<Answer> {
    const key = JSON.stringify([text, settings]);
    const found = this.answers.get(key) ?? (await this.make(text, settings));
    this.answers.delete(key);
    this.answers.set(key, found);
    for (const oldest of [...this.answers.keys()].slice(0, -REMEMBERED)) this.answers.delete(oldest);
    return found;
  }

  /**
   * The plan of a text with some settings, explained and drawn; its mistakes where there is none. It is that of a GPU with every format of
   * WebGPU: a plan can be read where it cannot be trained.
   */
  async plan(text: string, settings: Settings) {
    const started = performance.now();
    const found = await this.answer(text, settings);
    const ms = performance.now() - started;
    if ('diagnostics' in found) return { report: undefined, ms, diagnostics: found.diagnostics };
    this.current = found;
    const { report, picture, compiled } = found;
    return { report, picture, times: layerTimes(compiled.plan, compiled.costs), ms, diagnostics: [] };
  }

  /** How another choice of settings would change the plan that is shown; the mistakes where that has no plan. */
  async compare(settings: Settings) {
    const { current } = this;
    if (current === undefined) return undefined;
    const other = await this.answer(current.text, settings);
    if ('diagnostics' in other) return { why: other.diagnostics[0]?.message ?? 'there is no plan' };
    return { picture: other.picture, diff: await comparePlans(current.compiled.plan, other.compiled.plan) };
  }

  private wgslOf(plan: Plan, layer: string): readonly Kernel[] {
    if (this.emitted?.plan !== plan) {
      this.work.programs += 1;
      this.emitted = { plan, program: emitWgsl(plan) };
    }
    const fn = trainStep(plan);
    const wanted = new Set(groupsOf(fn, layer));
    const { functions, shaders } = this.emitted.program;
    return functions[plan.functions.indexOf(fn)]!.groups.filter(({ group }) => wanted.has(group)).map(({ group, dispatches }) => ({
      name: group.name,
      code: dispatches.map(({ shader }) => shaders[shader]!.code).join('\n\n'),
    }));
  }

  /** What becomes of a layer in a step: op by op, in words, and the kernels that compute it. */
  story(layer: string) {
    if (this.current === undefined) return undefined;
    const { plan } = this.current.compiled;
    const [explanation] = explainLayers(plan, layer);
    return { explanation, picture: opsPicture(layerOps(trainStep(plan), layer)), kernels: this.wgslOf(plan, layer) };
  }

  /** The kernels of a layer in C, as the backend for processors has them where there is AVX2. */
  async kernelsInC(layer: string): Promise<readonly Kernel[]> {
    if (this.current === undefined) return [];
    // What writes C is loaded when somebody asks for it.
    const [{ emitKernels }, { targetFor }] = await Promise.all([import('../src/codegen/c/emit.js'), import('../src/codegen/c/target.js')]);
    const { plan } = await this.compile(this.current.text, this.current.settings, 'cpu');
    const fn = trainStep(plan);
    const texts = emitKernels(plan, fn, targetFor('avx2', 'x64'));
    return groupsOf(fn, layer).flatMap(({ name }) => (texts.has(name) ? [{ name, code: texts.get(name)! }] : []));
  }
}
