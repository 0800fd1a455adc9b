import type { Analysis } from '../src/language/analysis.js';
import { completionsAt } from '../src/language/completion.js';
import { hintsIn } from '../src/language/hints.js';
import { hoverAt } from '../src/language/hover.js';
import { semanticTokens } from '../src/language/semantic.js';
import { plainService } from '../src/language/service.js';
import { putFile } from '../src/platform/kept-files.js';
import { Planner } from './planner.js';
import { serve } from './rpc.js';

const NAME = 'file';
const PATH = 'file.amp';

const service = plainService('webgpu');
const planner = new Planner();

const current = (): Analysis => service.analysis(NAME)!;

/** What the editor shows at once: the mistakes of a text, and the kinds of its words. */
function update(text: string) {
  const analysis = service.update(NAME, { path: PATH, text });
  return { diagnostics: analysis.diagnostics, tokens: semanticTokens(analysis) };
}

/** What stands beside the lines of a text by the plan that was made last: shapes, formats, casts. */
function hints(text: string) {
  update(text);
  return hintsIn(current(), planner.latest, { start: 0, end: text.length }, { shapes: true, formats: true, casts: true });
}

/** Tells which pictures there are: what they show is no matter of a plan. */
function knowPictures(paths: readonly string[]): void {
  for (const path of paths) putFile(path, new Uint8Array(0));
  service.close(NAME);
  planner.forget();
}

const functions = {
  update,
  knowPictures,
  plan: (text: string, settings: Parameters<Planner['plan']>[1]) => planner.plan(text, settings),
  hints,
  fp32Bytes: () => planner.fp32Bytes(),
  compare: (settings: Parameters<Planner['compare']>[0]) => planner.compare(settings),
  story: (layer: string) => planner.story(layer),
  kernelsInC: (layer: string) => planner.kernelsInC(layer),
  complete: (text: string, offset: number) => {
    update(text);
    return completionsAt(current(), offset);
  },
  hover: (text: string, offset: number) => {
    update(text);
    return hoverAt(current(), planner.latest, offset);
  },
};

export type LanguageFunctions = typeof functions;

serve(functions);
