import { fields, isCount, isText, listOf } from '../files/json-form.js';
import { replaceFile } from '../files/replace-file.js';
import type { Plan } from '../plan/plan.js';
import { readFile, rm } from '../platform/files.js';
import { join } from '../platform/path.js';
import { isScores, type Scores } from './checkpoint-metadata.js';
import { RUN_FILES, saved } from './run-folder.js';
import type { StateValues } from './states.js';
import { saveWeights } from './weights.js';

/** Weights that a run keeps among its best ones. */
export interface KeptWeights {
  /** In the run's folder. */
  readonly file: string;
  /** Optimizer steps that it had taken, and the epoch that it had finished with them; null within one. */
  readonly step: number;
  readonly epoch: number | null;
  readonly scores: Scores;
}

const isIndex = listOf(fields({ file: isText, step: isCount, epoch: (value) => value === null || isCount(value), scores: isScores }));

/** By accuracy, or by loss where the model results in no classes: on the images that are kept for choosing, else on the test images. */
export function isBetter(now: Scores, before: Scores): boolean {
  const [scores, best] = [now.validation ?? now, before.validation ?? before];
  if (scores.accuracy !== undefined && best.accuracy !== undefined) return scores.accuracy > best.accuracy;
  return (scores.loss ?? Number.POSITIVE_INFINITY) < (best.loss ?? Number.POSITIVE_INFINITY);
}

/** What the index of a run says that it keeps, the best first; nothing where there is none that can be read. */
export async function readKept(run: string): Promise<readonly KeptWeights[]> {
  try {
    const value: unknown = JSON.parse(await readFile(join(run, RUN_FILES.kept), 'utf8'));
    return isIndex(value) ? (value as readonly KeptWeights[]) : [];
  } catch {
    return [];
  }
}

/** The best weights of a run, so many of them, each in a file of its own; an index has their scores. */
export class KeptBest {
  #kept: readonly KeptWeights[] | undefined;

  /** `from`: the step that the run goes on from; what lies behind it happens again. */
  constructor(
    private readonly run: string,
    private readonly most: number,
    private readonly stepsPerEpoch: number,
    private readonly from: number,
  ) {}

  /** Takes in the weights of a step, if they are among the best: of equal ones the earlier. Throws UserError AMP7209. */
  async add(plan: Plan, states: StateValues, scores: Scores, step: number): Promise<void> {
    const before = await readKept(this.run);
    this.#kept ??= before.filter((kept) => kept.step <= this.from);
    if (this.#kept.some((kept) => kept.step === step)) return;
    const epoch = step % this.stepsPerEpoch === 0 ? step / this.stepsPerEpoch : null;
    const file = epoch === null ? `best-step-${step}.safetensors` : `best-epoch-${epoch}.safetensors`;
    const place = this.#kept.findIndex((kept) => isBetter(scores, kept.scores));
    const at = place < 0 ? this.#kept.length : place;
    const now = [...this.#kept.slice(0, at), { file, step, epoch, scores }, ...this.#kept.slice(at)].slice(0, this.most);
    const path = join(this.run, file);
    if (now.some((kept) => kept.file === file)) await saved(path, saveWeights(path, plan, states));
    // The index names what is there: it comes behind new files, and before old ones go.
    const index = join(this.run, RUN_FILES.kept);
    await saved(index, replaceFile(index, `${JSON.stringify(now, undefined, 2)}\n`));
    const gone = [...before, ...this.#kept].filter((old) => !now.some((kept) => kept.file === old.file));
    for (const old of gone) await rm(join(this.run, old.file), { force: true });
    this.#kept = now;
  }
}
