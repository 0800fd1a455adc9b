import type { DiagnosticCode } from '../diagnostics/codes.js';
import type { Diagnostic, Source, Span, TextEdit } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import type { Pin } from '../ir/pin.js';
import type { AmpFile } from '../parser/ast.js';
import { parseAmp } from '../parser/parse.js';
import { keepItem } from './warnings.js';

/** What does no harm and could be left out, for docs/precision.md. */
export const HINTS = {
  AMP4250: {
    title: 'pin that changes nothing',
    meaning: 'Every value would have its format without the `keep` line. That is a hint: the line may stay, and says what must not change.',
  },
} as const satisfies Readonly<Record<string, DiagnosticCode>>;

/** Of a `keep` line without which everything would have the format that it has. */
export const IDLE_PIN: keyof typeof HINTS = 'AMP4250';

/** Says of the lines of a source that made `idle`, which `idlePins` found, that they change nothing. `file`: its tree, if at hand. */
export function idlePinHints(source: Source, idle: readonly Pin[], file?: AmpFile): readonly Diagnostic[] {
  if (idle.length === 0) return [];
  const lines = new LineIndex(source.text);
  const tree = file ?? parseAmp(source.text).file;
  return idle.flatMap((pin): readonly Diagnostic[] => {
    const span = keepItem(pin, tree, lines)?.span;
    const found = {
      code: IDLE_PIN,
      severity: 'hint',
      message: `keeping \`${pin.pattern}\` changes nothing`,
      why: 'without it every value has the same format; it may stay for whoever reads it',
      fix: 'remove the line',
    } as const;
    return span === undefined ? [] : [{ ...found, span, edits: [removal(source.text, span)] }];
  });
}

/** The change that takes out a line of a section: the whole line of the text, where nothing else but a comment stands in it. */
function removal(text: string, { start, end }: Span): TextEdit {
  const before = /[ \t]*$/.exec(text.slice(0, start))![0].length;
  const from = start - before;
  const behind = /^[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)/.exec(text.slice(end));
  const isWhole = behind !== null && (from === 0 || text[from - 1] === '\n');
  return isWhole ? { start: from, end: end + behind[0].length, text: '' } : { start: from, end, text: '' };
}
