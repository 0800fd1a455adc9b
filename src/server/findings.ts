import {
  type CodeAction,
  CodeActionKind,
  DiagnosticSeverity,
  DiagnosticTag,
  type Range,
  type Diagnostic as Shown,
} from 'vscode-languageserver';
import type { Diagnostic, Severity, Source } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import type { Analysis } from '../language/analysis.js';
import type { DocumentPlan } from '../language/document-plan.js';
import { keepInFp32 } from '../language/edits.js';
import { IDLE_PIN } from '../language/idle-pins.js';
import { toRange, toSpan, toTextEdit } from './positions.js';

const NOWHERE: Range = { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } };

const SEVERITIES: Readonly<Record<Severity, DiagnosticSeverity>> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  hint: DiagnosticSeverity.Hint,
};

/** Of what could be left out: editors make it pale. */
const UNNECESSARY: readonly string[] = [IDLE_PIN, 'AMP2014'];

/** Where an editor finds a file. */
export type UriOf = (source: Source) => string;

/** A finding of a text as an editor shows it. One about a file that the text uses stands where the text names that. */
export function toShown(analysis: Analysis, found: Diagnostic, uriOf: UriOf): Shown {
  const { lines } = analysis;
  const { code, severity, message, why, fix, span, related = [], source } = found;
  const use = source && analysis.useOf(source);
  const range = use !== undefined ? toRange(lines, use) : span === undefined || source !== undefined ? NOWHERE : toRange(lines, span);
  const others = related.map((other) => {
    const file = other.source ?? source ?? analysis.source;
    const index = file === analysis.source ? lines : new LineIndex(file.text);
    return { location: { uri: uriOf(file), range: toRange(index, other.span) }, message: other.message };
  });
  const own =
    source !== undefined && span !== undefined
      ? [{ location: { uri: uriOf(source), range: toRange(new LineIndex(source.text), span) }, message }]
      : [];
  return {
    code,
    source: 'ampc',
    range,
    severity: SEVERITIES[severity],
    message: [message, why && `why: ${why}`, fix && `fix: ${fix}`].filter((part) => part !== undefined && part !== '').join('\n'),
    ...(UNNECESSARY.includes(code) && { tags: [DiagnosticTag.Unnecessary] }),
    ...(own.length + others.length > 0 && { relatedInformation: [...own, ...others] }),
  };
}

function title({ fix = 'fix it' }: Diagnostic): string {
  const meant = /^did you mean (`.+`)\?$/.exec(fix)?.[1];
  return meant === undefined ? fix.replace(/^./, (letter) => letter.toUpperCase()) : `Change to ${meant}`;
}

/** What can be done about the findings in a range, and with the layer that it begins in. */
export function actionsIn(
  analysis: Analysis,
  findings: readonly Diagnostic[],
  plan: DocumentPlan | undefined,
  range: Range,
  uriOf: UriOf,
): readonly CodeAction[] {
  const { lines } = analysis;
  const uri = uriOf(analysis.source);
  const { start, end } = toSpan(lines, range);
  const fixes = findings
    .filter(
      ({ span, edits = [], source }) =>
        source === undefined && edits.length > 0 && span !== undefined && span.start <= end && span.end >= start,
    )
    .map(
      (found): CodeAction => ({
        title: title(found),
        kind: CodeActionKind.QuickFix,
        diagnostics: [toShown(analysis, found, uriOf)],
        isPreferred: true,
        edit: { changes: { [uri]: found.edits!.map((edit) => toTextEdit(lines, edit)) } },
      }),
    );
  return [...fixes, ...layerActions(analysis, plan, uri, start)];
}

function layerActions(analysis: Analysis, plan: DocumentPlan | undefined, uri: string, offset: number): readonly CodeAction[] {
  const stage = analysis.stageAt(offset);
  if (stage === undefined) return [];
  const paths = [...new Set((analysis.stages.get(stage.span.start) ?? []).map(({ path }) => path))];
  const isLow = paths.some((path) => plan?.at(path)?.result.dtype !== 'f32');
  const kept = isLow && plan !== undefined ? keepInFp32(analysis, stage) : undefined;
  const cast = paths.find((path) => (plan?.at(path)?.casts.length ?? 0) > 0);
  return [
    ...(kept === undefined
      ? []
      : [
          {
            title: `Keep ${kept.layers.length === 1 ? `\`${kept.layers[0]}\`` : 'this layer'} in fp32`,
            kind: CodeActionKind.RefactorRewrite,
            edit: { changes: { [uri]: kept.edits.map((edit) => toTextEdit(analysis.lines, edit)) } },
          },
        ]),
    ...(cast === undefined
      ? []
      : [
          {
            title: 'Why this cast?',
            kind: CodeActionKind.Empty,
            command: { title: 'Why this cast?', command: 'ampc.explain', arguments: [uri, cast] },
          },
        ]),
  ];
}
