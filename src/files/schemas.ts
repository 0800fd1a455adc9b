import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ValidateFunction } from 'ajv/dist/2020.js';

/** Documents that ampc writes and whose form it ships, by the name of the file under schemas/. */
export type SchemaName =
  | 'calibrate'
  | 'check'
  | 'compare'
  | 'data-info'
  | 'data-list'
  | 'diff'
  | 'doctor'
  | 'events'
  | 'explain'
  | 'export'
  | 'import'
  | 'largest-batch'
  | 'learning-rate'
  | 'network'
  | 'plan'
  | 'predict'
  | 'report'
  | 'runs'
  | 'spec'
  | 'sweep'
  | 'test'
  | 'tune'
  | 'verify';

// It takes longer to load than most commands to run.
const require = createRequire(import.meta.url);
const loadAjv = () => require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');

const validators = new Map<SchemaName, ValidateFunction>();

function validatorOf(name: SchemaName): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object;
  const { Ajv2020 } = loadAjv();
  const made = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);
  validators.set(name, made);
  return made;
}

/** Problems that are listed: what is something else altogether has dozens. */
const SHOWN = 4;

/** What keeps a value from being as its schema says; undefined when nothing does. */
export function schemaProblem(name: SchemaName, value: unknown): string | undefined {
  const validate = validatorOf(name);
  if (validate(value)) return undefined;
  // What no alternative fits is said before what each of them lacks.
  const found = [...(validate.errors ?? [])].sort((a, b) => Number(b.keyword === 'oneOf') - Number(a.keyword === 'oneOf'));
  const errors = found.map(({ instancePath, message, params }) => {
    const extra = (params as { additionalProperty?: string }).additionalProperty;
    return `${instancePath === '' ? `the ${name}` : instancePath} ${message}${extra === undefined ? '' : `: ${extra}`}`;
  });
  const problems = [...new Set(errors)];
  return `${problems.slice(0, SHOWN).join('; ')}${problems.length > SHOWN ? `; and ${problems.length - SHOWN} more` : ''}`;
}
