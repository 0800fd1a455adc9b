import { autocompletion, type CompletionContext, type CompletionResult, completionKeymap, snippet } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { linter, lintGutter, lintKeymap, type Diagnostic as Shown } from '@codemirror/lint';
import { EditorState, type Range, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  hoverTooltip,
  keymap,
  lineNumbers,
  WidgetType,
} from '@codemirror/view';
import type { Diagnostic } from '../src/diagnostics/diagnostic.js';
import type { Hint } from '../src/language/hints.js';
import type { LanguageFunctions } from './language-worker.js';
import type { Remote } from './rpc.js';

const setDecorations = StateEffect.define<{ readonly kind: 'words' | 'hints'; readonly set: DecorationSet }>();

/** Decorations of one kind, which move with the text until there are new ones. */
function decorations(kind: 'words' | 'hints') {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(set, transaction) {
      for (const effect of transaction.effects) if (effect.is(setDecorations) && effect.value.kind === kind) return effect.value.set;
      return set.map(transaction.changes);
    },
    provide: (field) => EditorView.decorations.from(field),
  });
}

class HintWidget extends WidgetType {
  constructor(private readonly hint: Hint) {
    super();
  }

  override eq({ hint }: HintWidget): boolean {
    return hint.text === this.hint.text && hint.tooltip === this.hint.tooltip;
  }

  override toDOM(): HTMLElement {
    const element = document.createElement('span');
    element.className = `hint hint-${this.hint.kind}`;
    element.textContent = this.hint.text;
    if (this.hint.tooltip !== undefined) element.title = this.hint.tooltip;
    return element;
  }
}

function shown({ code, message, why, fix, severity, span, edits }: Diagnostic, length: number): Shown {
  const from = Math.min(span?.start ?? 0, length);
  return {
    from,
    to: Math.min(Math.max(span?.end ?? 0, from + 1), length),
    severity,
    source: code,
    message: [message, why, fix].filter((part) => part !== undefined).join('\n'),
    actions: edits === undefined ? [] : [{ name: 'fix', apply: (view) => view.dispatch({ changes: edits.map(changeOf) }) }],
  };
}

const changeOf = ({ start, end, text }: { readonly start: number; readonly end: number; readonly text: string }) => ({
  from: start,
  to: end,
  insert: text,
});

/** An editor of `.amp` whose words, mistakes, completions and hovers a language worker knows. */
export function createEditor(parent: HTMLElement, doc: string, language: Remote<LanguageFunctions>, onChange: (text: string) => void) {
  const check = async (view: EditorView): Promise<Shown[]> => {
    const text = view.state.doc.toString();
    const { diagnostics, tokens } = await language.update(text);
    if (view.state.doc.toString() !== text) return [];
    const words = tokens.map(({ span, kind }): Range<Decoration> => Decoration.mark({ class: `word-${kind}` }).range(span.start, span.end));
    view.dispatch({ effects: setDecorations.of({ kind: 'words', set: Decoration.set(words, true) }) });
    return diagnostics.map((found) => shown(found, text.length));
  };
  const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
    if (!context.explicit && context.matchBefore(/[\w|]/) === null) return null;
    const { replaces, items } = await language.complete(context.state.doc.toString(), context.pos);
    const options = items.map(({ label, detail, doc: info, snippet: written }) => ({
      label,
      ...(detail !== undefined && { detail }),
      ...(info !== undefined && { info }),
      ...(written !== undefined && { apply: snippet(written.replace(/\$(\d)/g, (_, stop: string) => `$\{${stop}}`)) }),
    }));
    return { from: replaces.start, to: replaces.end, options };
  };
  const hover = hoverTooltip(async ({ state }, pos) => {
    const found = await language.hover(state.doc.toString(), pos);
    if (found === undefined) return null;
    const dom = document.createElement('div');
    dom.className = 'hover';
    dom.textContent = found.text.replace(/```\w*\n?|[`*]|^---\n/gm, '');
    return { pos: found.span.start, end: found.span.end, create: () => ({ dom }) };
  });
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc,
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': 'program' }),
        decorations('words'),
        decorations('hints'),
        linter(check, { delay: 120 }),
        autocompletion({ override: [complete] }),
        hover,
        // Tab leaves the editor, as it leaves every control.
        keymap.of([...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.updateListener.of(({ docChanged, state }) => {
          if (docChanged) onChange(state.doc.toString());
        }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    replace: (text: string) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    /** Writes `to` where `from` stands first; whether it is there. */
    write: (from: string, to: string) => {
      const at = view.state.doc.toString().indexOf(from);
      if (at >= 0) view.dispatch({ changes: { from: at, to: at + from.length, insert: to } });
      return at >= 0;
    },
    /** Shows hints, unless the text has changed since they were made. */
    showHints: (text: string, hints: readonly Hint[]) => {
      if (view.state.doc.toString() !== text) return;
      const widgets = hints.map((hint) => Decoration.widget({ widget: new HintWidget(hint), side: 1 }).range(hint.offset));
      view.dispatch({ effects: setDecorations.of({ kind: 'hints', set: Decoration.set(widgets, true) }) });
    },
    /** Brings a line into sight, and the cursor to it. */
    goTo: (line: number) => {
      const { from } = view.state.doc.line(Math.min(line, view.state.doc.lines));
      view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: 'center' }) });
    },
  };
}
