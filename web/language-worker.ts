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

/**
 * The plan of a text with some settings, explained; its mistakes where there is none. It is that of a GPU with every format of WebGPU: a plan
 * can be read where it cannot be trained.
 */
async function plan(text: string, settings: Settings) {
  const started = performance.now();
  try {
    const { info, ...selected } = await describeBackend('webgpu');
    compiled = await planFor({ path: PATH, text }, { ...selected, info: { ...info, target: defaultTarget('webgpu') } }, settings);
    return { report: await explainPlan(compiled), ms: performance.now() - started, diagnostics: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { report: undefined, ms: 0, diagnostics: error.diagnostics as readonly Diagnostic[] };
  }
}

/** What becomes of a layer in a step, and the kernels that compute it. */
function story(layer: string) {
  if (compiled === undefined) return undefined;
  const [explanation] = explainLayers(compiled.plan, layer);
  const step = compiled.plan.functions.findIndex(({ name }) => name === 'train_step');
  const { graph } = compiled.plan.functions[step]!;
  const { functions, shaders } = emitWgsl(compiled.plan);
  const kernels = functions[step]!.groups.filter(({ group }) => group.nodes.some((id) => graph.nodes[id]!.layer === layer)).map(
    ({ group, dispatches }) => ({
      name: group.name,
      code: dispatches.map(({ shader }) => shaders[shader]!.code).join('\n\n'),
    }),
  );
  return { explanation, kernels };
}

const functions = {
  update,
  hints,
  plan,
  story,
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
