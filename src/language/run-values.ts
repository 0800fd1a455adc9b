import type { DatasetSpec, PrecisionSpec, Program, TrainSpec } from '../ir/program.js';
import { precisionName } from '../ir/types.js';
import { resolveScaling } from '../precision/scaling.js';
import type { DocumentPlan } from './document-plan.js';
import { formatName } from './units.js';

/** What settings are in a run whose field of the program has another name, or is left out where it has its default. */
const PRECISION: Readonly<Record<string, (spec: PrecisionSpec) => unknown>> = {
  compute: ({ compute }) => precisionName(compute),
  loss_scale: resolveScaling,
  masters: ({ masters }) => precisionName(masters ?? 'f32'),
  optimizer_state: ({ optimizerState }) => precisionName(optimizerState ?? 'f32'),
  communicate: ({ communicate }) => precisionName(communicate ?? 'f32'),
};

const TRAIN: Readonly<Record<string, (spec: TrainSpec) => unknown>> = { evaluate: ({ views }) => views };

const written = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `adam(lr: 0.001, weight_decay: 0)`. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const { kind, ...rest } = value as Readonly<Record<string, unknown>>;
  const args = Object.entries(rest).flatMap(([name, part]) => (part === undefined ? [] : [`${written(name)}: ${textOf(part)}`]));
  return args.length === 0 ? String(kind) : `${kind ?? ''}(${args.join(', ')})`;
}

function fieldOf<T extends object>(name: string, spec: T, readers: Readonly<Record<string, (spec: T) => unknown>>): unknown {
  if (Object.hasOwn(readers, name)) return readers[name]!(spec);
  const field = name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  return (spec as Readonly<Record<string, unknown>>)[field];
}

const known = (value: unknown): string | undefined => (value === undefined ? undefined : textOf(value));

function datasetValue(name: string, { mean, std, isUnmeasured, size, augment }: DatasetSpec): unknown {
  if (name === 'normalize') return isUnmeasured ? undefined : { kind: name, mean, std };
  if (name === 'size') return size && { kind: name, pixels: [size.height, size.width], fit: size.fit, filter: size.filter };
  return augment.find(({ kind }) => kind === name);
}

/** What a setting is in a run of a program; undefined where nothing but the file says. */
export function runValue(section: string, name: string, { recipe }: Program, plan: DocumentPlan | undefined): string | undefined {
  // What a policy that looks at costs has chosen stands in the plan alone.
  if (section === 'precision' && name === 'compute' && plan !== undefined) return formatName(plan.plan.precision);
  if (section === 'precision') return known(fieldOf(name, recipe.precision, PRECISION));
  if (section === 'train') return known(fieldOf(name, recipe.train, TRAIN));
  if (section === 'dataset') return known(datasetValue(name, recipe.dataset));
  return undefined;
}
