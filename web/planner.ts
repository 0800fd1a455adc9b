import type { Compiled, Settings } from '../src/browser.js';
import { planInFp32 } from '../src/choose/fp32.js';
import { planFor } from '../src/choose/plan-file.js';
import type { WgslProgram } from '../src/codegen/wgsl/emit.js';
import { type Diagnostic, UserError } from '../src/diagnostics/diagnostic.js';
import type { Markup } from '../src/figures/markup.js';
import { DocumentPlan } from '../src/language/document-plan.js';
import { comparePlans } from '../src/memory/plan-memory.js';
import { trainStep } from '../src/plan/facts.js';
import { footprint } from '../src/plan/footprint.js';
import { layerOps } from '../src/plan/layer-ops.js';
import { layerTimes } from '../src/plan/layer-times.js';
import type { Plan, PlanFunction } from '../src/plan/plan.js';
import { defaultTarget } from '../src/plan/target.js';
import { describeBackend, type SelectedBackend } from '../src/runtime/select.js';
import { layersPicture, opsPicture } from './plan-pictures.js';
import { type ShownPlan, shownPlan } from './shown-plan.js';

export interface Kernel {
  readonly name: string;
  readonly code: string;
}

/** A text with what the switches change of it, and the plan that this has. */
interface Planned {
  readonly text: string;
  readonly settings: Settings;
  readonly compiled: Compiled;
  readonly shown: ShownPlan;
  readonly document: DocumentPlan;
  /** Its layers. */
  readonly picture: Markup;
}

/** A plan, or the mistakes for which there is none. */
type Answer = Planned | { readonly diagnostics: readonly Diagnostic[] };

/** Plans of other settings that are remembered: somebody goes back and forth between a few. */
const REMEMBERED = 4;

/** For plans that time no kernel. */
const UNOPENED: SelectedBackend = {
  backend: {
    name: 'webgpu',
    probe: async () => UNOPENED.info,
    load: async () => {
      throw new Error('this backend only plans');
    },
  },
  info: { name: 'webgpu', available: false, target: defaultTarget('webgpu') },
};

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
    // A plan needs the backend only where it may time kernels, or has: opening it takes longer than most plans.
    if (/\bfastest\b/.test(text) || settings.policy === 'fastest') this.described ??= describeBackend('webgpu');
    const { info, ...selected } = (await this.described) ?? UNOPENED;
    return planFor({ path: 'file.amp', text }, { ...selected, info: { ...info, target: defaultTarget(backend) } }, settings);
  }

  private async make(text: string, settings: Settings): Promise<Answer> {
    try {
      const compiled = await this.compile(text, settings, 'webgpu');
      const document = new DocumentPlan(compiled.plan, compiled.program, undefined);
      const shown = shownPlan(compiled.plan);
      return { text, settings, compiled, shown, document, picture: layersPicture(shown) };
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
   * The plan of a text with some settings, drawn; its mistakes where there is none. It is that of a GPU with every format of
   * WebGPU: a plan can be read where it cannot be trained.
   */
  async plan(text: string, settings: Settings) {
    const started = performance.now();
    const found = await this.answer(text, settings);
    const ms = performance.now() - started;
    if ('diagnostics' in found) return { shown: undefined, ms, diagnostics: found.diagnostics };
    this.current = found;
    const { shown, picture, compiled } = found;
    return { shown, picture, times: layerTimes(compiled.plan, compiled.costs), ms, diagnostics: [] };
  }

  /** Bytes that the same model takes in fp32. */
  fp32Bytes(): number | undefined {
    if (this.current === undefined) return undefined;
    const { program, plan } = this.current.compiled;
    return footprint(planInFp32(program, plan)).total;
  }

  /** How another choice of settings would change the plan that is shown; the mistakes where that has no plan. */
  async compare(settings: Settings) {
    const { current } = this;
    if (current === undefined) return undefined;
    const other = await this.answer(current.text, settings);
    if ('diagnostics' in other) return { why: other.diagnostics[0]?.message ?? 'there is no plan' };
    return { picture: other.picture, diff: await comparePlans(current.compiled.plan, other.compiled.plan) };
  }

  private async wgslOf(plan: Plan, layer: string): Promise<readonly Kernel[]> {
    // What writes kernels is loaded when somebody asks for them.
    const { emitWgsl } = await import('../src/codegen/wgsl/emit.js');
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
  async story(layer: string) {
    if (this.current === undefined) return undefined;
    const { plan } = this.current.compiled;
    const { explainLayers } = await import('../src/plan/explain.js');
    const [explanation] = explainLayers(plan, layer);
    return { explanation, picture: opsPicture(layerOps(trainStep(plan), layer)), kernels: await this.wgslOf(plan, layer) };
  }

  /** The kernels of a layer in C, as the backend for processors has them where there is AVX2. */
  async kernelsInC(layer: string): Promise<readonly Kernel[]> {
    if (this.current === undefined) return [];
    const [{ emitKernels }, { targetFor }] = await Promise.all([import('../src/codegen/c/emit.js'), import('../src/codegen/c/target.js')]);
    const { plan } = await this.compile(this.current.text, this.current.settings, 'cpu');
    const fn = trainStep(plan);
    const texts = emitKernels(plan, fn, targetFor('avx2', 'x64'));
    return groupsOf(fn, layer).flatMap(({ name }) => (texts.has(name) ? [{ name, code: texts.get(name)! }] : []));
  }
}
