/** What the training worker makes of a run that this browser keeps. */
import { zipSync } from 'fflate';
import { gradientsSection } from '../src/api/run-report/gradients-section.js';
import { sectionMarkup } from '../src/api/run-report/page.js';
import { readRunFacts } from '../src/api/run-report/run-facts.js';
import { runPage, SHOWN_MISTAKES } from '../src/api/run-report/run-page.js';
import { testSection } from '../src/api/run-report/sections.js';
import { readRun } from '../src/api/runs.js';
import { lastWeights } from '../src/api/stored-model.js';
import { evaluate, type LoadedModel, listFiles, load, readFileBytes, type TestResult } from '../src/browser.js';
import { calibrate } from '../src/measure/calibrate.js';
import { statSync } from '../src/platform/files.js';
import { hasWeights } from '../src/training/run-folder.js';
import { explained } from './explained.js';

/** The most probable classes of a picture, the first one first. */
export interface Guess {
  /** Why there is none. */
  readonly why?: string;
  readonly top: readonly { readonly name: string; readonly probability: number }[];
}

/** Results of the run as it is; training makes others. */
let known: { readonly run: string; test?: Promise<TestResult | undefined>; model?: Promise<LoadedModel> } | undefined;

function of(run: string): NonNullable<typeof known> {
  if (known?.run !== run) forget();
  known ??= { run };
  return known;
}

/** Gives back what a device holds of a run: it is trained on. */
export function forget(): void {
  void known?.model?.then(
    (model) => model.close(),
    () => undefined,
  );
  known = undefined;
}

function testOf(run: string): Promise<TestResult | undefined> {
  const own = of(run);
  own.test ??= evaluate(run, SHOWN_MISTAKES);
  return own.test;
}

/** HTML: the section of a report with the confusion matrix and the worst mistakes. */
async function test(run: string): Promise<string> {
  const result = await testOf(run);
  return result === undefined ? '' : sectionMarkup(testSection(result)).markup;
}

/** HTML: how large the gradients of a step are, by layer, with the run's weights, at a loss scale; by default the first one. */
export async function gradients(run: string, scale?: number): Promise<string> {
  const { source, choices } = await readRun(run);
  const { settings, formats, images, backend } = choices;
  // What overflowed from its first step on has none: it is as it began.
  const init = (await hasWeights(run)) ? await lastWeights(run) : undefined;
  const found = await calibrate(source, { ...settings, formats, images, backend, init, steps: 1 });
  return sectionMarkup(gradientsSection(found, scale ?? found.scale)).markup;
}

async function report(run: string): Promise<string> {
  const result = await testOf(run).catch(explained);
  return runPage(await readRunFacts(run), result ?? 'it was not tested');
}

/** The files of the run's folder. */
function archive(run: string): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const name of listFiles(run)) if (statSync(`${run}/${name}`)?.isFile() === true) files[name] = readFileBytes(`${run}/${name}`);
  return zipSync(files, { level: 1 });
}

/** What the run's network takes pictures for: a guess for each, or why there is none. */
async function predict(run: string, pictures: readonly Uint8Array[]): Promise<readonly Guess[]> {
  const own = of(run);
  own.model ??= load(run);
  const model = await own.model;
  const guesses: Guess[] = [];
  for (const picture of pictures) {
    const found = await model.predict(picture).catch(explained);
    guesses.push(typeof found === 'string' ? { why: found, top: [] } : { top: found.top ?? [] });
  }
  return guesses;
}

export const resultFunctions = {
  test,
  gradients,
  report,
  archive,
  predict,
  weights: async (run: string) => readFileBytes(await lastWeights(run)),
};
