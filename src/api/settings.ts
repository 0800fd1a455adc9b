import type { PolicyName } from '../ir/program.js';
import type { FloatType, PrecisionName } from '../ir/types.js';

/** The compute formats by their names in the language. */
export const PRECISIONS = ['fp32', 'fp16', 'bf16'] as const satisfies readonly PrecisionName[];

export const POLICIES = ['mixed', 'autocast'] as const satisfies readonly PolicyName[];

/** What a caller changes of what the file says. */
export interface Settings {
  readonly precision?: PrecisionName | undefined;
  readonly policy?: PolicyName | undefined;
  readonly batch?: number | undefined;
  readonly epochs?: number | undefined;
  readonly seed?: number | undefined;
  /** Any setting of the file by its path, as `train.optimizer.lr`. */
  readonly set?: Readonly<Record<string, string>> | undefined;
}

const FORMATS: Readonly<Record<PrecisionName, FloatType>> = { fp32: 'f32', fp16: 'f16', bf16: 'bf16' };

export function formatOf(precision: PrecisionName): FloatType {
  return FORMATS[precision];
}

/** Only the settings among `options`, without those left out: what config.json keeps. */
export function pickSettings({ precision, policy, batch, epochs, seed, set }: Settings): Settings {
  const picked = { precision, policy, batch, epochs, seed, set };
  return Object.fromEntries(Object.entries(picked).filter(([, value]) => value !== undefined));
}

/** `later` on top of `earlier`. */
export function mergeSettings(earlier: Settings, later: Settings): Settings {
  return { ...earlier, ...pickSettings(later), set: { ...earlier.set, ...later.set } };
}

/**
 * The settings that belong to lowering, by their path in the file. Precision and policy are not among them: they change what is compiled
 * from the recipe (another format needs another loss scaling), not what the recipe says.
 */
export function overridesOf({ batch, epochs, seed, set }: Settings): Readonly<Record<string, string>> {
  const named = { 'train.batch': batch, 'train.epochs': epochs, 'train.seed': seed };
  const overrides: Record<string, string> = { ...set };
  for (const [path, value] of Object.entries(named)) if (value !== undefined) overrides[path] = String(value);
  return overrides;
}
