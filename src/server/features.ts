import {
  type CodeLens,
  CompletionItemKind,
  type CompletionList,
  type DocumentSymbol,
  type FoldingRange,
  FoldingRangeKind,
  type Hover,
  type InlayHint,
  InlayHintKind,
  InsertTextFormat,
  type Location,
  MarkupKind,
  type Position,
  type Range,
  type SignatureHelp,
  SymbolKind,
} from 'vscode-languageserver';
import { LineIndex } from '../diagnostics/lines.js';
import type { Analysis, Located } from '../language/analysis.js';
import { completionsAt } from '../language/completion.js';
import type { CompletionKind } from '../language/completion-settings.js';
import type { DocumentPlan } from '../language/document-plan.js';
import { type HintOptions, hintsIn } from '../language/hints.js';
import { hoverAt, planText } from '../language/hover.js';
import { foldings, type OutlineItem, outline } from '../language/outline.js';
import { semanticTokens, TOKEN_TYPES } from '../language/semantic.js';
import { signatureAt } from '../language/signature.js';
import type { UriOf } from './findings.js';
import { toOffset, toPosition, toRange, toSpan } from './positions.js';

const COMPLETION_KINDS: Readonly<Record<CompletionKind, CompletionItemKind>> = {
  layer: CompletionItemKind.Function,
  block: CompletionItemKind.Class,
  argument: CompletionItemKind.Field,
  value: CompletionItemKind.Variable,
  function: CompletionItemKind.Function,
  keyword: CompletionItemKind.Keyword,
  setting: CompletionItemKind.Property,
  word: CompletionItemKind.EnumMember,
  format: CompletionItemKind.EnumMember,
  pattern: CompletionItemKind.Reference,
  dataset: CompletionItemKind.Module,
  property: CompletionItemKind.Property,
  file: CompletionItemKind.File,
};

/** `snippets`: whether the editor can put the cursor into what is written. */
export function completion(analysis: Analysis, position: Position, snippets: boolean): CompletionList {
  const { lines } = analysis;
  const { items, replaces } = completionsAt(analysis, toOffset(lines, position));
  const range = toRange(lines, replaces);
  return {
    isIncomplete: false,
    items: items.map(({ label, kind, detail, doc, snippet = label }, i) => {
      const hasStop = snippet.includes('$1');
      const newText = hasStop && !snippets ? label : snippet;
      return {
        label,
        kind: COMPLETION_KINDS[kind],
        sortText: String(i).padStart(4, '0'),
        textEdit: { range, newText },
        ...(hasStop && snippets && { insertTextFormat: InsertTextFormat.Snippet }),
        ...(detail && { detail }),
        ...(doc && { documentation: { kind: MarkupKind.Markdown, value: doc } }),
      };
    }),
  };
}

export function hover(analysis: Analysis, plan: DocumentPlan | undefined, position: Position): Hover | null {
  const found = hoverAt(analysis, plan, toOffset(analysis.lines, position));
  return found === undefined
    ? null
    : { contents: { kind: MarkupKind.Markdown, value: found.text }, range: toRange(analysis.lines, found.span) };
}

export function signatureHelp(analysis: Analysis, position: Position): SignatureHelp | null {
  const found = signatureAt(analysis, toOffset(analysis.lines, position));
  if (found === undefined) return null;
  const { label, doc, parameters, active } = found;
  const shown = parameters.map((parameter) => ({ label: parameter.label, documentation: parameter.doc }));
  return {
    signatures: [{ label, documentation: doc, parameters: shown }],
    activeSignature: 0,
    activeParameter: active ?? parameters.length,
  };
}

export function inlayHints(analysis: Analysis, plan: DocumentPlan | undefined, range: Range, options: HintOptions): readonly InlayHint[] {
  const { lines } = analysis;
  return hintsIn(analysis, plan, toSpan(lines, range), options).map(({ offset, text, kind, tooltip }) => ({
    position: toPosition(lines, offset),
    label: text,
    paddingLeft: true,
    ...(kind === 'result' && { kind: InlayHintKind.Type }),
    ...(tooltip !== undefined && { tooltip }),
  }));
}

export function location({ source, span }: Located, uriOf: UriOf): Location {
  return { uri: uriOf(source), range: toRange(new LineIndex(source.text), span) };
}

const SYMBOL_KINDS: Readonly<Record<OutlineItem['kind'], SymbolKind>> = {
  section: SymbolKind.Namespace,
  model: SymbolKind.Class,
  block: SymbolKind.Function,
  value: SymbolKind.Variable,
  layer: SymbolKind.Field,
  setting: SymbolKind.Property,
};

export function documentSymbols(analysis: Analysis): DocumentSymbol[] {
  const { lines } = analysis;
  const shown = ({ name, kind, span, nameSpan, children }: OutlineItem): DocumentSymbol => {
    const whole = { start: Math.min(span.start, nameSpan.start), end: Math.max(span.end, nameSpan.end) };
    return {
      name,
      kind: SYMBOL_KINDS[kind],
      range: toRange(lines, whole),
      selectionRange: toRange(lines, nameSpan),
      children: children.map(shown),
    };
  };
  return outline(analysis).map(shown);
}

export function foldingRanges(analysis: Analysis): FoldingRange[] {
  return foldings(analysis).map(({ first, last, isComment }) => ({
    startLine: first - 1,
    endLine: last - 1,
    ...(isComment && { kind: FoldingRangeKind.Comment }),
  }));
}

/** Five numbers a token, each relative to the one before: lines, columns, length, kind, nothing more. */
export function encodedTokens(analysis: Analysis, range?: Range): number[] {
  const { lines } = analysis;
  const within = range && toSpan(lines, range);
  const data: number[] = [];
  let [line, character] = [0, 0];
  for (const { span, kind } of semanticTokens(analysis)) {
    if (within !== undefined && (span.end < within.start || span.start > within.end)) continue;
    const at = toPosition(lines, span.start);
    data.push(
      at.line - line,
      at.line === line ? at.character - character : at.character,
      span.end - span.start,
      TOKEN_TYPES.indexOf(kind),
      0,
    );
    ({ line, character } = at);
  }
  return data;
}

/** Above the model: its size, and what can be done with it, of those commands that the editor has. */
export function codeLenses(analysis: Analysis, plan: DocumentPlan | undefined, commands: readonly string[], uri: string): CodeLens[] {
  const model = analysis.places.find(({ kind }) => kind === 'model');
  if (model === undefined) return [];
  const range = toRange(analysis.lines, model.span);
  const offered = [
    { command: 'ampc.plan', title: 'explain' },
    { command: 'ampc.train', title: 'train' },
  ].filter(({ command }) => commands.includes(command));
  return [
    ...(plan === undefined ? [] : [{ range, command: { title: planText(plan), command: '' } }]),
    ...offered.map(({ command, title }) => ({ range, command: { title, command, arguments: [uri] } })),
  ];
}
