import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import { type Diagnostic, type Source, UserError, userError } from '../../diagnostics/diagnostic.js';
import { LineIndex } from '../../diagnostics/lines.js';
import { renderDiagnostics } from '../../diagnostics/render.js';
import { suggestion } from '../../diagnostics/suggest.js';
import { fileFix, fileReason } from '../../files/reason.js';
import { schemaProblem } from '../../files/schemas.js';
import { rewriteText } from '../write-result.js';

/** One case: what goes into a stage of the compiler and what must come out; schemas/spec.schema.json describes the file. */
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
  /** Names of the options that it takes; any, where it does not say. */
  readonly takes?: readonly string[];
  /** A UserError that it throws becomes the result: rendered diagnostics. */
  readonly run: (source: Source, options: StageOptions) => StageResult | Promise<StageResult>;
  /** Checks one entry of `expect.properties`; returns what is wrong, if anything. */
  readonly holds?: (property: Readonly<Record<string, unknown>>, value: unknown) => string | undefined | Promise<string | undefined>;
}

export type Stages = Readonly<Record<string, Stage>>;

export interface SpecFile {
  readonly path: string;
  readonly spec: Spec;
}

// It takes longer to load than most commands to run, and only specs need it.
const require = createRequire(import.meta.url);
const loadYaml = () => require('yaml') as typeof import('yaml');

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw userError('AMP6311', `cannot read ${path}`, fileReason(error), fileFix(error));
  }
}

/** Reads a spec. Throws UserError AMP6311 when it cannot be read, AMP6312 when it is no spec. */
export function loadSpec(path: string): SpecFile {
  return parseSpec(readText(path), path);
}

/** Aliases that a spec may resolve: few lines of YAML can name each other into billions of values. */
const MAX_ALIASES = 100;

/** Reads the text of a spec; `path` is what messages call it. Throws UserError AMP6312 when it is none. */
export function parseSpec(text: string, path: string): SpecFile {
  const refused = (why: string) =>
    userError('AMP6312', `${path} is no spec`, why, 'schemas/spec.schema.json and docs/testing.md describe what a spec holds');
  let value: unknown;
  try {
    const document = loadYaml().parseDocument(text);
    const [error] = document.errors;
    if (error !== undefined) throw error;
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // Aliases in excess, and a nesting deeper than the stack, are refused by exceptions as well.
    throw refused((error as Error).message);
  }
  const problem = schemaProblem('spec', value);
  if (problem !== undefined) throw refused(problem);
  return { path, spec: value as Spec };
}

/** The input of a spec: its text, or the file that it names, relative to the spec and else to `root`. */
export function sourceOf({ spec, path }: SpecFile, root: string): Source {
  const { input } = spec;
  if (typeof input === 'string') return { path: basename(path).replace(/\.ya?ml$/, '.amp'), text: input };
  for (const folder of [dirname(path), root]) {
    try {
      return { path: input.file, text: readFileSync(resolve(folder, input.file), 'utf8') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw userError('AMP6311', `${path} names ${input.file}, which cannot be read`, fileReason(error), fileFix(error));
    }
  }
  throw userError('AMP6311', `${path} names ${input.file}, which is not there`, undefined, 'name it relative to the spec');
}

function stageOf(stages: Stages, { spec, path }: SpecFile): Stage {
  const stage = Object.hasOwn(stages, spec.stage) ? stages[spec.stage] : undefined;
  if (stage === undefined)
    throw userError('AMP6312', `${path}: unknown stage ${spec.stage}`, `the stages are ${Object.keys(stages).join(', ')}`);
  const { takes } = stage;
  const unknown = takes && Object.keys(spec.options ?? {}).find((name) => !takes.includes(name));
  if (takes !== undefined && unknown !== undefined) {
    const fix = suggestion(unknown, takes, 'options') ?? 'remove it';
    throw userError('AMP6312', `${path}: stage ${spec.stage} has no option \`${unknown}\``, 'it would change nothing', fix);
  }
  return stage;
}

/** Diagnostics as the text of a result. */
export function rendered(diagnostics: readonly Diagnostic[], source: Source): string {
  return `${renderDiagnostics(diagnostics, source)}\n`;
}

async function runSpec(stages: Stages, file: SpecFile, root: string): Promise<StageResult> {
  const stage = stageOf(stages, file);
  const source = sourceOf(file, root);
  try {
    return await stage.run(source, file.spec.options ?? {});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { text: rendered(error.diagnostics, error.source ?? source), diagnostics: error.diagnostics };
  }
}

/** The first line in which two texts differ. */
function firstDifference(found: string, wanted: string): string {
  const [left, right] = [found.split('\n'), wanted.split('\n')];
  const at = left.findIndex((line, index) => line !== right[index]);
  const line = at < 0 ? left.length : at;
  return `the text differs in line ${line + 1}:\n  expected ${right[line] ?? '(nothing)'}\n  found    ${left[line] ?? '(nothing)'}`;
}

function diagnosticProblem(file: SpecFile, root: string, diagnostics: readonly Diagnostic[]): string | undefined {
  const wanted = file.spec.expect.diagnostics ?? [];
  const { text } = sourceOf(file, root);
  const lines = new LineIndex(text);
  const found = diagnostics.map(({ code, span }, index) => {
    const { at, span: covered } = wanted[index] ?? {};
    const { line, column } = lines.position(span?.start ?? 0);
    return {
      code,
      ...(at !== undefined && { at: `${line}:${column}` }),
      ...(covered !== undefined && { span: text.slice(span?.start, span?.end) }),
    };
  });
  const [have, want] = [JSON.stringify(found), JSON.stringify(wanted.map(({ code, at, span }) => ({ code, at, span })))];
  return have === want ? undefined : `the diagnostics are ${have}, not ${want}`;
}

/** What was checked of a spec, and what does not hold. */
export interface SpecOutcome {
  readonly path: string;
  readonly description: string | undefined;
  /** Number of facts that were checked. */
  readonly checked: number;
  readonly problems: readonly string[];
}

/** Runs one spec. Throws UserError when it names an unknown stage or option, or a file that is not there. */
export async function checkSpec(stages: Stages, file: SpecFile, root: string): Promise<SpecOutcome> {
  const { description, expect } = file.spec;
  const result = await runSpec(stages, file, root);
  const problems: string[] = [];
  if (expect.text !== undefined && result.text !== expect.text) problems.push(firstDifference(result.text, expect.text));
  const diagnostics = expect.diagnostics && diagnosticProblem(file, root, result.diagnostics ?? []);
  if (diagnostics !== undefined) problems.push(diagnostics);
  const properties = expect.properties ?? [];
  const { holds } = stageOf(stages, file);
  if (properties.length > 0 && result.value === undefined) problems.push(`stage ${file.spec.stage} gave no result: ${result.text.trim()}`);
  else
    for (const property of properties) {
      const problem = holds === undefined ? `stage ${file.spec.stage} has no properties` : await holds(property, result.value);
      if (problem !== undefined) problems.push(`${JSON.stringify(property)}: ${problem}`);
    }
  const facts = Number(expect.text !== undefined) + Number(expect.diagnostics !== undefined) + properties.length;
  return { path: file.path, description, checked: facts, problems };
}

/** Rewrites `expect.text` where it is there and differs; says whether it did. */
export async function updateSpec(stages: Stages, file: SpecFile, root: string): Promise<boolean> {
  if (file.spec.expect.text === undefined) return false;
  const { text } = await runSpec(stages, file, root);
  if (text === file.spec.expect.text) return false;
  const { parseDocument, Scalar } = loadYaml();
  const document = parseDocument(readText(file.path));
  const scalar = new Scalar(text);
  scalar.type = Scalar.BLOCK_LITERAL;
  document.setIn(['expect', 'text'], scalar);
  await rewriteText(file.path, document.toString({ lineWidth: 0 }));
  return true;
}
