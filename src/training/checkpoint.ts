import { UserError, userError } from '../diagnostics/diagnostic.js';
import { isThere } from '../files/system-error.js';
import { elementCount } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import { parsePosition, parseSettings, positionText, type RunPosition, type RunSettings } from './checkpoint-metadata.js';
import { changedSettings, isRateSetting, LAYERS } from './run-settings.js';
import { readMetadata, readSafetensors, type Tensor, type TensorFile, writeSafetensors } from './safetensors.js';
import { brokenState, planStates, type StateValues } from './states.js';
import { differences, listed } from './weights.js';

const FORMAT = 'ampc-checkpoint-1';

/** Older versions had no `drop_last`, and left those images out; and said of every augmentation whether it took place. */
function ofOlderVersion({ 'dataset.cropPadding': padding, ...stored }: RunSettings): RunSettings {
  const settings: Record<string, string> = { 'train.dropLast': 'true', ...stored };
  if (settings['dataset.flip'] === 'false') delete settings['dataset.flip'];
  if (padding !== undefined && padding !== '0') settings['dataset.crop.padding'] = padding;
  return settings;
}

export async function saveCheckpoint(
  path: string,
  plan: Plan,
  settings: RunSettings,
  position: RunPosition,
  states: StateValues,
): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const { name, shape } of planStates(plan)) {
    const data = states.get(name);
    if (data === undefined) throw new Error(`no value for state ${name}`);
    tensors.set(name, { shape, data });
  }
  await writeSafetensors(path, tensors, { format: FORMAT, settings: JSON.stringify(settings), position: positionText(position) });
}

function refused(path: string, why: string, fix: string): UserError {
  return userError('AMP7203', `cannot resume from ${path}`, why, fix);
}

export interface Checkpoint {
  readonly position: RunPosition;
  readonly states: StateValues;
  /** Those of the run until now. */
  readonly settings: RunSettings;
}

/**
 * The steps before a checkpoint, the pins of its plan, and where this took over; undefined where there is no checkpoint, or
 * an old one. The checkpoint is not checked. Throws UserError AMP7201.
 */
export async function checkpointPlan(path: string): Promise<Pick<RunPosition, 'step' | 'pins' | 'phase'> | undefined> {
  if (!(await isThere(path))) return undefined;
  const { position } = await readMetadata(path);
  // What is no position is refused when the checkpoint is loaded.
  return position === undefined ? undefined : parsePosition(position);
}

/** Where a run stands, and the hash of its model. */
export interface CheckpointFacts {
  readonly position: RunPosition;
  readonly layers: string | undefined;
}

/** What a checkpoint says of its run, without its states; undefined where there is none, or one that cannot be read. */
export async function checkpointFacts(path: string): Promise<CheckpointFacts | undefined> {
  const metadata = await readMetadata(path).catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  const position = metadata?.position === undefined ? undefined : parsePosition(metadata.position);
  const layers = metadata?.settings === undefined ? undefined : parseSettings(metadata.settings)?.[LAYERS];
  return position && { position, layers };
}

/** Checkpoints of older versions lack the pending moves of running statistics, which are zero between steps. */
function withPending(plan: Plan, tensors: TensorFile['tensors']): TensorFile['tensors'] {
  const pending = planStates(plan).filter(({ role }) => role === 'pending');
  const zeros = pending.map(({ name, shape }): [string, Tensor] => [name, { shape, data: new Float32Array(elementCount(shape)) }]);
  return new Map([...zeros, ...tensors]);
}

/**
 * Reads a checkpoint that belongs to exactly this plan and, rates aside, these settings. Throws UserError: AMP7201 the file is damaged,
 * AMP7203 there is none, it is not a checkpoint, its states are not finite, or it belongs to another run, with what differs.
 */
export async function loadCheckpoint(path: string, plan: Plan, settings: RunSettings): Promise<Checkpoint> {
  if (!(await isThere(path))) throw refused(path, 'there is no such file', 'start the run without --resume, or name the folder of a run');
  const names = new Set(planStates(plan).map(({ name }) => name));
  const { tensors: read, others, metadata } = await readSafetensors(path, { wanted: names });
  if (metadata.format !== FORMAT || metadata.settings === undefined || metadata.position === undefined) {
    throw refused(path, `its format is ${metadata.format ?? 'unknown'}, not ${FORMAT}`, 'to start from weights alone use --init');
  }
  const [stored, position] = [parseSettings(metadata.settings), parsePosition(metadata.position)];
  if (stored === undefined || position === undefined)
    throw refused(path, 'its settings or its position are not what ampc train writes', 'to start from its weights use --init');
  const then = ofOlderVersion(stored);
  const changed = changedSettings(then, settings, (key) => !isRateSetting(key));
  if (changed.length > 0) {
    throw refused(
      path,
      `it belongs to another run: ${listed(changed)}`,
      'resume with the settings of the run, or start a new one with --out',
    );
  }
  const tensors = withPending(plan, read);
  const clauses = differences(planStates(plan), { tensors, others });
  if (clauses.length > 0 || then[LAYERS] !== settings[LAYERS]) {
    throw refused(
      path,
      `the model of its run had other layers${clauses.map((clause) => `; ${clause}`).join('')}`,
      'resume with the model of the run, or start a new one with --out',
    );
  }
  const states = new Map([...tensors].map(([name, { data }]) => [name, data]));
  const broken = brokenState(plan, states);
  if (broken !== undefined)
    throw refused(path, `${broken} in it is infinite or NaN`, 'start a new run, with --init from weights that are finite');
  return { position, states, settings: then };
}
