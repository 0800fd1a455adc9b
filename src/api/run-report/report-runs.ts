import { join } from 'node:path';
import { type KeysOf, refuseUnknown } from '../../choose/option-keys.js';
import type { BackendChoice } from '../../choose/plan-file.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { confusionMatrix } from '../../figures/confusion.js';
import { type Figure, type NamedFigure, svgFile } from '../../figures/figure.js';
import { compareRuns } from '../compare-runs.js';
import { evaluate, type TestResult } from '../evaluate.js';
import { runNames } from '../run-folders.js';
import { writeOutput } from '../write-result.js';
import { curveFigures } from './curve-figures.js';
import { type PageSection, page } from './page.js';
import { planFigures } from './plan-figures.js';
import { plansSection } from './plans-section.js';
import { comparisonSection, curvesSection } from './results-sections.js';
import { type RunFacts, readRunFacts } from './run-facts.js';
import { measuredCosts, runPage, SHOWN_MISTAKES } from './run-page.js';
import { sourceSection } from './sections.js';

export const REPORT_FORMATS = ['html', 'svg', 'png'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export interface ReportOptions {
  /** A page, or each of its figures in a file of its own. Default: `html`. */
  readonly format?: ReportFormat | undefined;
  /** The page, or the folder of the figures. Default: `report.html`, or `figures`, in the folder of the first run. */
  readonly out?: string | undefined;
  /** Whether one run is tested for its report: by class, with its worst mistakes. Default: true. */
  readonly test?: boolean | undefined;
  /** Folder of data sets that are known by name. */
  readonly data?: string | undefined;
  /** For the test; default: that of the run. */
  readonly backend?: BackendChoice | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What the report has to leave out, and why. */
  readonly onNotice?: ((notice: string) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface ReportResult {
  readonly format: ReportFormat;
  /** The files that were written. */
  readonly files: readonly string[];
  readonly runs: readonly string[];
}

const REPORT_KEYS: KeysOf<ReportOptions> = {
  backend: true,
  data: true,
  format: true,
  onNotice: true,
  onProgress: true,
  out: true,
  signal: true,
  test: true,
  threads: true,
};

function namesOf(runs: readonly string[]): (run: string) => string {
  const names = new Map(runNames(runs).map((name, index) => [runs[index], name]));
  return (run) => names.get(run) ?? run;
}

/** The test of a run, or why there is none; undefined when `signal` was aborted. */
async function testRun(run: string, options: ReportOptions): Promise<TestResult | string | undefined> {
  const { data, backend, threads, signal, onNotice, onProgress } = options;
  try {
    return await evaluate(run, { data, backend, threads, signal, onNotice, onProgress, ...SHOWN_MISTAKES });
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

async function sectionsOfMany(runs: readonly RunFacts[]): Promise<readonly PageSection[]> {
  const dirs = runs.map(({ summary }) => summary.run);
  const nameOf = namesOf(dirs);
  const comparison = await compareRuns(dirs);
  return [
    comparisonSection(comparison.runs, comparison.differing, nameOf),
    curvesSection(curveFigures(runs, nameOf)),
    plansSection(comparison.plans, nameOf, dirs[0]!),
    ...runs.map((facts) => {
      const section = sourceSection(facts);
      return { ...section, id: `settings-${dirs.indexOf(facts.summary.run)}`, title: nameOf(facts.summary.run) };
    }),
  ];
}

/** Twice as many pixels as its size says, for screens and paper of today. */
async function pngOf(figure: Figure): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  return sharp(Buffer.from(svgFile(figure)), { density: 144 })
    .png()
    .toBuffer();
}

async function figuresOf(runs: readonly RunFacts[], test: TestResult | string): Promise<readonly NamedFigure[]> {
  const [first] = runs;
  const nameOf = namesOf(runs.map(({ summary }) => summary.run));
  const curves = curveFigures(runs, nameOf);
  if (runs.length > 1 || first === undefined) return curves;
  const details = typeof test === 'string' ? undefined : test.details;
  const matrix =
    details &&
    confusionMatrix(
      details.per_class.map(({ name }) => name),
      details.confusion,
    );
  return [
    ...curves,
    ...(matrix === undefined ? [] : [{ name: 'confusion', figure: matrix }]),
    ...(typeof first.plan === 'string' ? [] : planFigures(first.plan, await measuredCosts(first))),
  ];
}

/**
 * Writes what a run's folder tells as one page that needs nothing else: results, curves, skipped steps, the plan with its formats, memory,
 * the test by class with the worst mistakes, the first filters, settings, and the command that trains it again. Several runs are laid over
 * each other. With another format each figure becomes a file. Undefined when `signal` was aborted.
 * Throws UserError AMP7205 where a folder holds no run, AMP6213 where nothing can be written. What else is missing is said in its place.
 */
export async function reportRuns(dirs: readonly string[], options: ReportOptions = {}): Promise<ReportResult | undefined> {
  refuseUnknown('reportRuns', options, REPORT_KEYS);
  const { format = 'html' } = options;
  const runs = await Promise.all(dirs.map(readRunFacts));
  const [first] = dirs;
  if (first === undefined) throw new RangeError('a report is of one run at least');
  const wanted = runs.length === 1 && options.test !== false;
  const test = wanted ? await testRun(first, options) : 'it was not asked for';
  if (test === undefined) return undefined;
  if (wanted && typeof test === 'string') options.onNotice?.(`the report has no test: ${test}`);
  if (format === 'html') {
    const out = options.out ?? join(first, 'report.html');
    await writeOutput(
      out,
      runs.length === 1 ? await runPage(runs[0]!, test) : page(`${runs.length} runs`, dirs, await sectionsOfMany(runs)),
    );
    return { format, files: [out], runs: dirs };
  }
  const folder = options.out ?? join(first, 'figures');
  const files: string[] = [];
  for (const { name, figure } of await figuresOf(runs, test)) {
    const path = join(folder, `${name}.${format}`);
    await writeOutput(path, format === 'svg' ? svgFile(figure) : await pngOf(figure));
    files.push(path);
  }
  return { format, files, runs: dirs };
}
