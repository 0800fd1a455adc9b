import { type Compiled, explainLayers, explainPlan, type Settings, UserError } from '../src/browser.js';
import { planFor } from '../src/choose/plan-file.js';
import { emitWgsl } from '../src/codegen/wgsl/emit.js';
import type { Diagnostic } from '../src/diagnostics/diagnostic.js';
import type { Analysis } from '../src/language/analysis.js';
import { completionsAt } from '../src/language/completion.js';
import { type Hint, hintsIn } from '../src/language/hints.js';
import { hoverAt } from '../src/language/hover.js';
import { semanticTokens } from '../src/language/semantic.js';
import { LanguageService } from '../src/language/service.js';
import { comparePlans } from '../src/memory/plan-memory.js';
import { trainStep } from '../src/plan/facts.js';
import { layerOps } from '../src/plan/layer-ops.js';
import type { Plan, PlanFunction } from '../src/plan/plan.js';
import { defaultTarget } from '../src/plan/target.js';
import { breathe } from '../src/platform/system.js';
import { describeBackend } from '../src/runtime/select.js';
import { serve } from './rpc.js';

const NAME = 'file';
const PATH = 'file.amp';

const service = new LanguageService({ breathe, machine: async () => ({ target: defaultTarget('webgpu') }) });
let compiled: Compiled | undefined;

const current = (): Analysis => service.analysis(NAME)!;

/** What the editor shows at once: the mistakes of a text, and the kinds of its words. */
function update(text: string) {
  const analysis = service.update(NAME, { path: PATH, text });
  return { diagnostics: analysis.diagnostics, tokens: semanticTokens(analysis) };
}

/** What stands beside the lines: shapes, formats, casts. */
async function hints(text: string): Promise<readonly Hint[]> {
  update(text);
  const { plan } = await service.plan(NAME);
  return hintsIn(current(), plan, { start: 0, end: text.length }, { shapes: true, formats: true, casts: true });
}

/** What the plan shown was made of. */
let shown: { readonly text: string; readonly settings: Settings } | undefined;

async function planned(text: string, settings: Settings, backend: 'webgpu' | 'cpu'): Promise<Compiled> {
  const { info, ...selected } = await describeBackend('webgpu');
  return planFor({ path: PATH, text }, { ...selected, info: { ...info, target: defaultTarget(backend) } }, settings);
}

/**
 * The plan of a text with some settings, explained; its mistakes where there is none. It is that of a GPU with every format of WebGPU: a plan
 * can be read where it cannot be trained.
 */
async function plan(text: string, settings: Settings) {
  const started = performance.now();
  try {
    compiled = await planned(text, settings, 'webgpu');
    shown = { text, settings };
    return { report: await explainPlan(compiled), ms: performance.now() - started, diagnostics: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { report: undefined, ms: 0, diagnostics: error.diagnostics as readonly Diagnostic[] };
  }
}

/** How another choice of settings would change the plan that is shown; the mistakes where that has no plan. */
async function compare(text: string, settings: Settings) {
  if (compiled === undefined) return undefined;
  try {
    const other = await planned(text, settings, 'webgpu');
    return { report: await explainPlan(other), diff: await comparePlans(compiled.plan, other.plan) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { why: error.diagnostics[0]?.message ?? 'there is no plan' };
  }
}

/** The groups that compute something of a layer. */
function groupsOf({ graph, groups }: PlanFunction, layer: string): PlanFunction['groups'] {
  return groups.filter(({ nodes }) => nodes.some((id) => graph.nodes[id]!.layer === layer));
}

function wgslOf(plan: Plan, layer: string): readonly Kernel[] {
  const fn = trainStep(plan);
  const wanted = new Set(groupsOf(fn, layer));
  const { functions, shaders } = emitWgsl(plan);
  return functions[plan.functions.indexOf(fn)]!.groups.filter(({ group }) => wanted.has(group)).map(({ group, dispatches }) => ({
    name: group.name,
    code: dispatches.map(({ shader }) => shaders[shader]!.code).join('\n\n'),
  }));
}

export interface Kernel {
  readonly name: string;
  readonly code: string;
}

/** What becomes of a layer in a step: op by op, in words, and the kernels that compute it. */
function story(layer: string) {
  if (compiled === undefined) return undefined;
  const [explanation] = explainLayers(compiled.plan, layer);
  return { explanation, ops: layerOps(trainStep(compiled.plan), layer), kernels: wgslOf(compiled.plan, layer) };
}

/** The kernels of a layer in C, as the backend for processors has them where there is AVX2. */
async function kernelsInC(layer: string): Promise<readonly Kernel[]> {
  if (shown === undefined) return [];
  // What writes C is loaded when somebody asks for it.
  const [{ emitKernels }, { targetFor }] = await Promise.all([import('../src/codegen/c/emit.js'), import('../src/codegen/c/target.js')]);
  const { plan } = await planned(shown.text, shown.settings, 'cpu');
  const fn = trainStep(plan);
  const texts = emitKernels(plan, fn, targetFor('avx2', 'x64'));
  return groupsOf(fn, layer).flatMap(({ name }) => (texts.has(name) ? [{ name, code: texts.get(name)! }] : []));
}

const functions = {
  update,
  hints,
  plan,
  compare,
  story,
  kernelsInC,
  complete: (text: string, offset: number) => {
    update(text);
    return completionsAt(current(), offset);
  },
  hover: (text: string, offset: number) => {
    update(text);
    return hoverAt(current(), service.latestPlan(NAME), offset);
  },
};

export type LanguageFunctions = typeof functions;

serve(functions);
