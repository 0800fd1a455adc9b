import type { Analysis } from './analysis.js';
import { describeValues, type Parameter } from './arguments.js';
import { type Callable, callableOf, signatureParts, signatureText } from './catalogue.js';
import { cursorAt } from './cursor.js';

export interface SignatureHelp {
  readonly label: string;
  readonly doc: string;
  readonly parameters: readonly { readonly label: string; readonly doc: string }[];
  /** Index of the parameter that is being written; undefined where it is none of them. */
  readonly active: number | undefined;
}

/** Parentheses in which an offset is, and which of what they take is there. */
function callAt(analysis: Analysis, offset: number): { readonly callable: Callable; readonly active: number | undefined } | undefined {
  const { call } = cursorAt(analysis.parsed.tokens, offset);
  const callable = call && callableOf(call.owner, analysis.blocks);
  if (call === undefined || callable === undefined) return undefined;
  const { values, params } = callable;
  const named = params.findIndex(({ name }) => name === call.current);
  const active = call.current === undefined ? call.index : named === -1 ? undefined : values.length + named;
  return { callable, active: active !== undefined && active < values.length + params.length ? active : undefined };
}

/** The argument in whose place an offset is; undefined where it is a value of the graph, or in no parentheses. */
export function parameterAt(analysis: Analysis, offset: number): Parameter | undefined {
  const found = callAt(analysis, offset);
  return found?.active === undefined ? undefined : found.callable.params[found.active - found.callable.values.length];
}

/** What the parentheses take in which an offset is. */
export function signatureAt(analysis: Analysis, offset: number): SignatureHelp | undefined {
  const found = callAt(analysis, offset);
  if (found === undefined) return undefined;
  const { callable, active } = found;
  const { values, params, doc } = callable;
  const docs = [...values.map(() => 'a value of the graph'), ...params.map((param) => `${param.doc} (${describeValues(param)})`)];
  const parameters = signatureParts(callable).map((label, i) => ({ label, doc: docs[i]! }));
  return { label: signatureText(callable), doc, parameters, active };
}
