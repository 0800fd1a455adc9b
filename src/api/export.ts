import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { type Compiled, type CompileOptions, compile } from '../choose/plan-file.js';
import { mergeSettings, pickSettings } from '../choose/settings.js';
import { type Source, userError } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import { listNames, suggestion } from '../diagnostics/suggest.js';
import { batchOf, evaluationGraph, telltaleBatch } from '../exporting/evaluation-graph.js';
import type { SourceBlock } from '../exporting/facts.js';
import { EXPORT_FORMATS, type Exported, type ExportTarget, type TrainedModel } from '../exporting/targets.js';
import { isFolder } from '../files/is-folder.js';
import { makeFolder } from '../files/make-folder.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import { isThere } from '../files/system-error.js';
import { VERSION } from '../files/version.js';
import { type PrecisionName, precisionName } from '../ir/types.js';
import { parseAmp } from '../parser/parse.js';
import { probabilitiesToTake } from '../plan/facts.js';
import { choosePlace, openClasses } from '../training/data/open.js';
import { loadWeights } from '../training/init/load.js';
import { writeSafetensors } from '../training/safetensors.js';
import { countsCorrect, findFunction } from '../training/states.js';
import { classesInWeights } from '../training/weights.js';
import { readRunStory } from './list-runs.js';
import { type RunReference, runFolder } from './run-reference.js';
import { readRun } from './runs.js';
import { isNoRun, lastWeights } from './stored-model.js';

export interface ExportOptions extends Pick<CompileOptions, 'backend' | 'onNotice'> {
  readonly to: ExportTarget;
  /** Compute format instead of that of the run. */
  readonly precision?: PrecisionName | undefined;
  /** File, or folder of a format with several. Default: named after the `.amp` file, in the folder in which ampc is called. */
  readonly out?: string | undefined;
  /** Replace what is there. */
  readonly force?: boolean | undefined;
  /** Safetensors file; default for a run: its `last.safetensors`. */
  readonly weights?: string | undefined;
  readonly data?: string | undefined;
  /** How ONNX's input takes images: bytes (default), or floats from 0 to 1. */
  readonly imageType?: TrainedModel['image']['type'] | undefined;
  /** The order of its axes: `nhwc` (default), as decoders give pictures, or `nchw`, as PyTorch has them. */
  readonly imageLayout?: TrainedModel['image']['layout'] | undefined;
}

const EXPORT_KEYS: KeysOf<ExportOptions> = {
  backend: true,
  data: true,
  force: true,
  imageLayout: true,
  imageType: true,
  onNotice: true,
  out: true,
  precision: true,
  to: true,
  weights: true,
};

export interface ExportResult {
  readonly to: ExportTarget;
  readonly model: string;
  readonly precision: PrecisionName;
  /** File or folder. */
  readonly out: string;
  /** Names of what was written, in `out` where that is a folder. */
  readonly files: readonly string[];
  readonly bytes: number;
}

interface Opened {
  readonly compiled: Compiled;
  /** The same for another batch. */
  readonly withBatch: (batch: number) => Promise<Compiled>;
  readonly weights: string;
  readonly run?: string;
  readonly classes?: readonly string[];
  readonly dataOfRun?: string;
  readonly accuracy?: number;
  readonly limit?: number;
}

async function openRunFolder(target: string, { weights, precision, backend, onNotice }: ExportOptions): Promise<Opened> {
  const { source, choices } = await readRun(target);
  const { formats, images, classes, data, limit } = choices;
  const settings = mergeSettings(choices.settings, precision === undefined ? {} : { precision });
  const options = {
    plainImages: true,
    formats,
    images,
    onNotice,
    backend: backend === undefined || backend === 'auto' ? choices.backend : backend,
  };
  const file = weights ?? (await lastWeights(target));
  const { summary, epochs } = await readRunStory(target);
  const plain = epochs.at(-1)?.plain_test_accuracy;
  const accuracy = plain === undefined ? summary.accuracy : plain;
  if (plain !== undefined)
    onNotice?.('the exported model looks at each image alone: the mean over views that the run was evaluated with is not part of it');
  return {
    compiled: await compile(source, { ...settings, ...options }),
    withBatch: (batch) => compile(source, { ...mergeSettings(settings, { batch }), ...options }),
    weights: file,
    run: basename(resolve(target)),
    ...(classes && { classes }),
    ...(data !== undefined && { dataOfRun: data }),
    ...(weights === undefined && accuracy !== null && { accuracy, ...(limit !== undefined && { limit }) }),
  };
}

async function open(target: string, options: ExportOptions): Promise<Opened> {
  if (await isFolder(target)) return openRunFolder(target, options);
  const { weights, precision, backend, onNotice } = options;
  if (weights === undefined) throw await isNoRun(target);
  const settings = { ...pickSettings({ precision }), plainImages: true, backend, onNotice };
  const compiled = await compile(target, settings);
  const classes = options.data === undefined ? await classesInWeights(weights, compiled.program.recipe.classes) : undefined;
  return { compiled, withBatch: (batch) => compile(compiled.source, { ...settings, batch }), weights, ...(classes && { classes }) };
}

/** Throws UserError AMP6407 where something is said of images whose form the format itself decides. */
function refuseImageForm({ to, imageType, imageLayout }: ExportOptions): void {
  const name = imageType !== undefined ? '--image-type' : imageLayout !== undefined ? '--image-layout' : undefined;
  if (name === undefined) return;
  const takes = Object.entries(EXPORT_FORMATS).flatMap(([format, { takesImageForm }]) => (takesImageForm ? [format] : []));
  throw userError('AMP6407', `an export to ${to} takes no ${name}`, `only that to ${listNames(takes, 'and')} does`, 'leave it away');
}

/** Throws UserError AMP6403 where something is there. */
async function refuseTaken(out: string): Promise<void> {
  if (!(await isThere(out))) return;
  const fix = 'name another place with --out, or say --force';
  throw userError('AMP6403', `${out} is there already`, 'an export replaces nothing by itself', fix);
}

/** Writes what was exported. Throws UserError AMP6404 when it cannot be written. */
async function write(out: string, exported: Exported): Promise<Pick<ExportResult, 'files' | 'bytes'>> {
  const isFile = exported instanceof Uint8Array;
  const files = isFile ? [['', exported] as const] : Object.entries(exported);
  let bytes = 0;
  try {
    for (const [name, content] of files) {
      const path = join(out, name);
      await makeFolder(dirname(path));
      if (typeof content === 'object' && 'tensors' in content) await writeSafetensors(path, content.tensors, content.metadata);
      else await replaceFile(path, content);
      bytes += (await stat(path)).size;
    }
  } catch (error) {
    throw userError('AMP6404', `cannot write ${out}`, fileReason(error), 'name another place with --out');
  }
  return { files: isFile ? [basename(out)] : files.map(([name]) => name), bytes };
}

function blocksOf({ text, used }: Source): readonly SourceBlock[] {
  if (used !== undefined && used.length > 0) return [];
  const lines = new LineIndex(text);
  return parseAmp(text).file.sections.flatMap((section) =>
    section.kind === 'block'
      ? [{ name: section.name.text, first: lines.position(section.span.start).line, last: lines.position(section.span.end).line }]
      : [],
  );
}

async function modelOf(opened: Opened, options: ExportOptions): Promise<TrainedModel> {
  const { plan, program, source } = opened.compiled;
  const loaded = await loadWeights(opened.weights, plan);
  const states = new Map([...loaded].map(([name, elements]) => [name, Float32Array.from(elements)] as const));
  const batch = telltaleBatch(evaluationGraph(plan));
  const micro = batchOf(evaluationGraph(plan));
  const again = await opened.withBatch((program.recipe.train.batch / micro) * batch);
  const { dataset } = program.recipe;
  const classes = countsCorrect(plan)
    ? (opened.classes ??
      (await openClasses(dataset, {
        place: await choosePlace(dataset, options.data, opened.dataOfRun, source),
        onNotice: options.onNotice,
      })))
    : [];
  return {
    plan: again.plan,
    program: again.program,
    states,
    facts: {
      model: plan.model,
      version: VERSION,
      run: opened.run,
      classes,
      accuracy: opened.accuracy,
      testedAtMost: opened.limit,
      source: createHash('sha256').update(source.text).digest('hex'),
      precision: precisionName(plan.precision),
      policy: plan.policy,
      probabilities: probabilitiesToTake(findFunction(plan, 'eval_step')!.graph),
    },
    blocks: blocksOf(source),
    image: { type: options.imageType ?? 'u8', layout: options.imageLayout ?? 'nhwc' },
  };
}

/** Throws UserError AMP6214 for a format that there is none of; a caller in JavaScript may name any. */
function formatOf({ to }: ExportOptions): (typeof EXPORT_FORMATS)[ExportTarget] {
  if (Object.hasOwn(EXPORT_FORMATS, to)) return EXPORT_FORMATS[to];
  const formats = Object.keys(EXPORT_FORMATS);
  const help = suggestion(String(to), formats, 'formats');
  throw userError('AMP6214', `${JSON.stringify(to) ?? 'nothing'} is no format to export to`, `the formats are ${formats.join(', ')}`, help);
}

/**
 * Exports what a run, or a `.amp` file with weights, evaluates to another format. Throws UserError for a wrong folder, damaged or foreign
 * weights, a format that the backend cannot plan for, ops that the target has no form of, and a place that is taken or cannot be written.
 */
export async function exportModel(target: RunReference, options: ExportOptions): Promise<ExportResult> {
  refuseUnknown('exportModel', options, EXPORT_KEYS);
  const format = formatOf(options);
  if (!format.takesImageForm) refuseImageForm(options);
  const opened = await open(runFolder(target), options);
  const { plan, source } = opened.compiled;
  const out = options.out ?? `${basename(source.path).replace(/\.amp$/, '')}${format.suffix}`;
  if (options.force !== true) await refuseTaken(out);
  const exported = await format.export(await modelOf(opened, options));
  return { to: options.to, model: plan.model, precision: precisionName(plan.precision), out, ...(await write(out, exported)) };
}
