import type { Analysis } from './analysis.js';
import { describeValues } from './arguments.js';
import { callableOf, signatureParts, signatureText } from './catalogue.js';
import { cursorAt } from './cursor.js';

export interface SignatureHelp {
  readonly label: string;
  readonly doc: string;
  readonly parameters: readonly { readonly label: string; readonly doc: string }[];
  /** Index of the parameter that is being written; undefined where it is none of them. */
  readonly active: number | undefined;
}

/** What the parentheses take in which an offset is. */
export function signatureAt(analysis: Analysis, offset: number): SignatureHelp | undefined {
  const { call } = cursorAt(analysis.parsed.tokens, offset);
  const callable = call && callableOf(call.owner, analysis.blocks);
  if (call === undefined || callable === undefined) return undefined;
  const { values, params, doc } = callable;
  const parts = signatureParts(callable);
  const docs = [...values.map(() => 'a value of the graph'), ...params.map((param) => `${param.doc} (${describeValues(param)})`)];
  const named = params.findIndex(({ name }) => name === call.current);
  const active = call.current === undefined ? call.index : named === -1 ? undefined : values.length + named;
  return {
    label: signatureText(callable),
    doc,
    parameters: parts.map((label, i) => ({ label, doc: docs[i]! })),
    active: active !== undefined && active < parts.length ? active : undefined,
  };
}
