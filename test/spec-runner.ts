import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseDocument, Scalar } from 'yaml';
import { type Diagnostic, type Source, UserError } from '../src/diagnostics/diagnostic.js';
import { LineIndex } from '../src/diagnostics/lines.js';
import { renderDiagnostics } from '../src/diagnostics/render.js';

const ROOT = new URL('../', import.meta.url);

export interface Spec {
  readonly description?: string;
  readonly stage: string;
  readonly input: string | { readonly file: string };
  readonly options?: Readonly<Record<string, unknown>>;
  readonly expect: {
    readonly text?: string;
    readonly diagnostics?: readonly { readonly code: string; readonly at?: string; readonly span?: string }[];
    readonly properties?: readonly Readonly<Record<string, unknown>>[];
  };
}

/** What a stage makes of an input. */
export interface StageResult {
  readonly text: string;
  readonly diagnostics?: readonly Diagnostic[];
  /** For `holds`. */
  readonly value?: unknown;
}

export type StageOptions = NonNullable<Spec['options']>;

export interface Stage {
  /** A UserError that it throws becomes the result: rendered diagnostics. */
  readonly run: (source: Source, options: StageOptions) => StageResult | Promise<StageResult>;
  /** Checks one entry of `expect.properties`; returns what is wrong, if anything. */
  readonly holds?: (property: Readonly<Record<string, unknown>>, value: unknown) => string | undefined;
}

export type Stages = Readonly<Record<string, Stage>>;

export interface SpecFile {
  /** `check/unknown-layer` */
  readonly name: string;
  readonly url: URL;
  readonly spec: Spec;
}

/** All cases below specs/, validated. */
export function loadSpecs(): readonly SpecFile[] {
  const ajv = new Ajv2020({ allErrors: true });
  const validate = ajv.compile<Spec>(JSON.parse(readFileSync(new URL('schemas/spec.schema.json', ROOT), 'utf8')));
  const folder = new URL('specs/', ROOT);
  const names = readdirSync(fileURLToPath(folder), { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  return names
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const url = new URL(name, folder);
      const document = parseDocument(readFileSync(url, 'utf8'));
      if (document.errors.length > 0) throw new Error(`specs/${name}: ${document.errors[0].message}`);
      const spec: unknown = document.toJS();
      if (!validate(spec)) throw new Error(`specs/${name}: ${ajv.errorsText(validate.errors)}`);
      return { name: name.replace(/\.yaml$/, ''), url, spec };
    });
}

function sourceOf({ spec, name }: SpecFile): Source {
  const { input } = spec;
  if (typeof input === 'string') return { path: `${name.split('/').at(-1)}.amp`, text: input };
  return { path: input.file, text: readFileSync(new URL(input.file, ROOT), 'utf8') };
}

function stageOf(stages: Stages, { spec, name }: SpecFile): Stage {
  const stage = stages[spec.stage];
  if (stage === undefined) throw new Error(`specs/${name}.yaml: unknown stage ${spec.stage}`);
  return stage;
}

async function runSpec(stages: Stages, file: SpecFile): Promise<StageResult> {
  const source = sourceOf(file);
  try {
    return await stageOf(stages, file).run(source, file.spec.options ?? {});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { text: rendered(error.diagnostics, error.source ?? source), diagnostics: error.diagnostics };
  }
}

/** Diagnostics as the text of a result. */
export function rendered(diagnostics: readonly Diagnostic[], source: Source): string {
  return `${renderDiagnostics(diagnostics, source)}\n`;
}

/** Runs one case and asserts all that it expects. */
export async function checkSpec(stages: Stages, file: SpecFile): Promise<void> {
  const { expect } = file.spec;
  const result = await runSpec(stages, file);
  if (expect.text !== undefined) assert.equal(result.text, expect.text, 'npm run spec:update rewrites the text');
  if (expect.diagnostics !== undefined) {
    const { text } = sourceOf(file);
    const lines = new LineIndex(text);
    const found = (result.diagnostics ?? []).map(({ code, span }, i) => {
      const wanted = expect.diagnostics?.[i];
      const { line, column } = lines.position(span?.start ?? 0);
      return {
        code,
        ...(wanted?.at !== undefined && { at: `${line}:${column}` }),
        ...(wanted?.span !== undefined && { span: text.slice(span?.start, span?.end) }),
      };
    });
    assert.deepEqual(found, expect.diagnostics);
  }
  const { holds } = stageOf(stages, file);
  for (const property of expect.properties ?? []) {
    assert.ok(holds, `stage ${file.spec.stage} has no properties`);
    const problem = holds(property, result.value);
    assert.equal(problem, undefined, `${JSON.stringify(property)}: ${problem}`);
  }
}

/** Rewrites `expect.text` where it is there and differs; says whether it did. */
export async function updateSpec(stages: Stages, file: SpecFile): Promise<boolean> {
  if (file.spec.expect.text === undefined) return false;
  const { text } = await runSpec(stages, file);
  if (text === file.spec.expect.text) return false;
  const document = parseDocument(readFileSync(file.url, 'utf8'));
  const scalar = new Scalar(text);
  scalar.type = Scalar.BLOCK_LITERAL;
  document.setIn(['expect', 'text'], scalar);
  writeFileSync(file.url, document.toString({ lineWidth: 0 }));
  return true;
}
