import type { IParserErrorMessageProvider, IRecognitionException, IToken } from 'chevrotain';
import { DATASET_NAMES } from '../datasets/registry.js';
import type { Diagnostic } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { EOF } from './chevrotain.js';
import * as t from './tokens.js';

/** Chevrotain reports through message strings: the name of the missing token is all that is needed of it. */
export const EXPECTATIONS: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNotAllInputParsedMessage: () => '',
  buildNoViableAltMessage: () => '',
  buildEarlyExitMessage: () => '',
};

interface Help {
  readonly expected: string;
  readonly why?: string;
  readonly fix?: string;
}

const PIPELINE = 'a body is `let` lines and then one value; layers are joined to it with `|>`';

/** What belongs where, by grammar rule, by rule and missing token, or by rule and, in backquotes, what stands there. */
const HELP: Readonly<Record<string, Help>> = {
  file: { expected: 'a section', why: 'a file consists of `use`, `dataset`, `let`, `block`, `model`, `precision` and `train`' },
  body: { expected: 'a value or `}`', why: PIPELINE },
  "body '}'": { expected: '`|>` or `}`', why: PIPELINE, fix: 'is a `|>` missing?' },
  stage: { expected: 'a layer', why: 'a stage is a layer, a block, `repeat` or `if`', fix: 'remove the `|>`, or name a layer' },
  'stage `share`': {
    expected: 'a layer',
    why: 'what is shared is given a name, and applied by that',
    fix: 'write `let tower = share Tower as tower`, and then `x |> tower`',
  },
  "stages '}'": { expected: '`|>` or `}`', why: 'the braces of `repeat` and `if` hold stages joined with `|>`', fix: 'is a `|>` missing?' },
  stages: { expected: 'a layer', why: 'the braces of `repeat` and `if` hold stages joined with `|>`, the first without it' },
  "args ')'": { expected: '`,` or `)`', why: 'arguments are separated by commas' },
  args: { expected: 'an argument or `)`' },
  arg: { expected: 'an argument', why: 'an argument is a value, or `name: value`' },
  "list ']'": { expected: '`,` or `]`', why: 'the items of a list are separated by commas' },
  "list '['": { expected: 'a shape', why: 'a shape is a list of sizes', fix: 'write the sizes in brackets, such as `[32, 32, 3]`' },
  primary: { expected: 'a value', why: 'a value is a number, a name, a list, `true`, `false`, a string or an expression in parentheses' },
  'primary `repeat`': {
    expected: 'a value',
    why: 'what is repeated is piped into `repeat`, several values as a list',
    fix: 'write `x |> repeat 3 { … }`, or `[a, b] |> repeat 3 { … }`',
  },
  'use String': { expected: 'the path of a file in quotes', fix: 'write `use "./blocks.amp"`, or `use "ampc/blocks"`' },
  'label Name': {
    expected: 'a name after `as`',
    why: '`as` names a layer, and with it its weights',
    fix: 'names are letters, digits and `_`',
  },
  'datasetItem Name': { expected: 'a setting' },
  "dataset '}'": { expected: 'a setting or `}`', why: 'settings of a data set are written like calls: `crop(padding: 4)`' },
  'dataset Name': { expected: 'the name of a data set', fix: `write ${listNames(DATASET_NAMES.map((name) => `dataset ${name}`))}` },
  "precision '}'": {
    expected: 'a setting or `}`',
    why: 'a setting is its name and then its value: `compute fp16`',
    fix: 'is a name or a value missing before it?',
  },
  "train '}'": {
    expected: 'a setting or `}`',
    why: 'a setting is its name and then its value: `batch 64`',
    fix: 'is a name or a value missing before it?',
  },
  pattern: { expected: 'a name or a pattern in quotes', fix: 'patterns are written in quotes: `keep "stage4.*" in fp32`' },
  "keep 'in'": { expected: '`in`', fix: 'write `keep conv1 in fp32`; names with dots or stars need quotes: `keep "stage4.*" in fp32`' },
  "model '->'": { expected: '`->`', why: 'a model declares the shape that it results in', fix: 'write `-> [10]` before the `{`' },
  'model Name': { expected: 'a name', why: 'a model has a name, and its input too: `model Net(image: [32, 32, 3]) -> [10]`' },
  "model ')'": { expected: '`,` or `)`' },
  "block ')'": { expected: '`,` or `)`', why: 'parameters are separated by commas; a default is written `stride = 1`' },
  let: { expected: 'a name', why: '`let` gives a value to a name, or the items of a list to the names in brackets: `let [a, b] = …`' },
  "let ']'": { expected: '`,` or `]`', why: 'the names of a list are separated by commas' },
  "let '='": { expected: '`=`', why: '`let` gives a value to a name: `let width = 64`' },
};

/** `64`, `let`, or "the end of the file", as the user sees it. */
function describe(token: IToken): string {
  if (token.tokenType === EOF) return 'the file ends';
  const reserved = token.tokenType.LONGER_ALT === t.Name ? ', a reserved word' : '';
  return `found \`${token.image}\`${reserved}`;
}

function plainName(expected: string): string {
  if (expected === 'Name') return 'a name';
  if (expected === 'Number') return 'a number';
  return expected.replaceAll("'", '`');
}

/** Rules whose part can be missing at the end of a line: then the error is there, and not at the start of the next line. */
const MISSING = new Set(['primary', 'stage', 'label', 'arg']);

/** A diagnostic for an error of the generated parser; `textLength` places errors at the end of the file. */
export function syntaxDiagnostic(error: IRecognitionException, textLength: number): Diagnostic {
  const rule = error.context.ruleStack.at(-1) ?? 'file';
  const mismatch = error.name === 'MismatchedTokenException';
  const { token } = error;
  const known = mismatch ? HELP[`${rule} ${error.message}`] : (HELP[`${rule} \`${token.image}\``] ?? HELP[rule]);
  const help = known ?? { expected: mismatch ? plainName(error.message) : 'something else' };
  const previous = (error as { readonly previousToken?: IToken }).previousToken;
  const rest = { ...(help.why !== undefined && { why: help.why }), ...(help.fix !== undefined && { fix: help.fix }) };
  if (MISSING.has(rule) && previous !== undefined && !Number.isNaN(previous.startOffset) && previous.endLine !== token.startLine) {
    const span = { start: previous.startOffset, end: t.tokenEnd(previous) };
    return { code: 'AMP1006', severity: 'error', message: `expected ${help.expected} after \`${previous.image}\``, span, ...rest };
  }
  const atEnd = token.tokenType === EOF || Number.isNaN(token.startOffset);
  const span = atEnd
    ? { start: textLength, end: textLength }
    : { start: token.startOffset, end: Math.max(t.tokenEnd(token), token.startOffset) };
  return { code: 'AMP1006', severity: 'error', message: `expected ${help.expected}, but ${describe(token)}`, span, ...rest };
}
