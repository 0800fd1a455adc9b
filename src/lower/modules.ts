import type { Diagnostic, RelatedSpan, Source, Span, UsedText } from '../diagnostics/diagnostic.js';
import { suggestName, withinQuotes } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import type { AmpFile, BlockSection, Let, UseSection } from '../parser/ast.js';
import { parseAmp } from '../parser/parse.js';
import { posix } from '../platform/path.js';
import { sortUsedSections } from './sections.js';
import { isLibrary, LIBRARY_NAMES, usedText } from './used-text.js';

/** A file with what it uses. Places in all files of a program are offsets in one text, in which each begins at its `base`. */
export interface Module {
  readonly source: Source;
  readonly base: number;
  readonly lets: readonly Let[];
  readonly blocks: ReadonlyMap<string, BlockSection>;
  /** The files that it names, in order. */
  readonly uses: readonly Module[];
}

/** Undefined: of the file itself. */
type Name = string | undefined;

/** Reads what a file uses, and what that uses. */
export class Modules {
  private readonly known = new Map<string, Module | undefined>();
  /** All but the main one, each behind those that it uses. */
  readonly all: Module[] = [];
  readonly texts: UsedText[] = [];
  /** What the main file names, and where. */
  private readonly named: { readonly span: Span; readonly module: Module }[] = [];
  private next: number;
  /** Whether something could not be read, which is reported. */
  isIncomplete = false;

  constructor(
    readonly main: Source,
    private readonly sink: DiagnosticSink,
  ) {
    this.next = main.text.length + 1;
  }

  /** What `file`, called `from`, uses. */
  usesOf(file: AmpFile, from: Name, open: readonly string[] = []): readonly Module[] {
    return file.sections.flatMap((section) => {
      const module = section.kind === 'use' ? this.read(section, from, open) : undefined;
      if (module === undefined || section.kind !== 'use') return [];
      if (from === undefined) this.named.push({ span: section.path.span, module });
      return [module];
    });
  }

  /** Where the main file names a file, or one through which it uses that. */
  useOf(path: string): Span | undefined {
    const leadsThere = ({ source, uses }: Module): boolean => source.path === path || uses.some(leadsThere);
    return this.named.find(({ module }) => leadsThere(module))?.span;
  }

  /** The file that the main one names at a place. */
  namedAt({ start }: Span): Source | undefined {
    return this.named.find(({ span }) => span.start === start)?.module.source;
  }

  private read(use: UseSection, from: Name, open: readonly string[]): Module | undefined {
    const { text, span } = use.path;
    if (text === '') return undefined;
    const name = isLibrary(text) ? text : posix.normalize(posix.join(from === undefined ? '.' : posix.dirname(from), text));
    if (!isLibrary(text) && !/^\.\.?\//.test(text)) {
      return this.refuse('AMP2017', span, `\`use\` knows no \`${text}\``, {
        why: `it takes ${listNames(LIBRARY_NAMES, 'or')}, or the path of a file from the folder of this one`,
        ...(closest(text, LIBRARY_NAMES) === undefined
          ? { fix: `such as \`use "./${text.replace(/^\/+/, '')}"\`` }
          : suggestName({ text, span: withinQuotes(span, true) }, LIBRARY_NAMES, 'names')),
      });
    }
    if (open.includes(name)) {
      const through = open.at(-1) === name ? '' : ` through ${listNames(open.slice(open.indexOf(name) + 1), 'and')}`;
      return this.refuse('AMP2018', span, `\`${text}\` uses itself${through}`, {
        why: 'a file is read before what it is used for',
        fix: 'move what both need to a file of its own',
      });
    }
    if (this.known.has(name)) return this.known.get(name);
    const found = usedText(this.main, name);
    if (typeof found === 'string') {
      this.known.set(name, undefined);
      return this.refuse('AMP2017', span, `cannot read \`${text}\``, { why: found });
    }
    this.texts.push(found);
    const base = this.next;
    this.next += found.text.length + 1;
    // Blanks in place of what comes before make all places right.
    const parsed = parseAmp(' '.repeat(base) + found.text);
    for (const diagnostic of parsed.diagnostics) this.sink.add(diagnostic);
    const uses = this.usesOf(parsed.file, name, [...open, name]);
    const module = { source: { path: found.path, text: found.text }, base, ...sortUsedSections(parsed.file, this.sink), uses };
    this.known.set(name, module);
    this.all.push(module);
    return module;
  }

  /** Reports a file that cannot be used. */
  private refuse(...report: Parameters<DiagnosticSink['error']>): undefined {
    this.sink.error(...report);
    this.isIncomplete = true;
  }

  private owner(span: Span): Module | undefined {
    return this.all.find(({ base, source }) => span.start >= base && span.start <= base + source.text.length);
  }

  /** The file that a place is in, and the place there. */
  locate(span: Span): { readonly source: Source; readonly span: Span } {
    const own = this.owner(span);
    if (own === undefined) return { source: this.main, span };
    return { source: own.source, span: { start: span.start - own.base, end: span.end - own.base } };
  }

  /** The diagnostic with the places that its own file has. */
  place(diagnostic: Diagnostic): Diagnostic {
    const own = diagnostic.span && this.owner(diagnostic.span);
    const moved = ({ start, end }: Span, module: Module | undefined): Span => {
      const base = module?.base ?? 0;
      return { start: start - base, end: end - base };
    };
    const related = diagnostic.related?.map((part): RelatedSpan => {
      const module = this.owner(part.span);
      return { ...part, span: moved(part.span, module), ...(module !== own && { source: module?.source ?? this.main }) };
    });
    return {
      ...diagnostic,
      ...(diagnostic.span && { span: moved(diagnostic.span, own) }),
      ...(related && { related }),
      ...(diagnostic.edits && { edits: diagnostic.edits.map(({ text, ...at }) => ({ ...moved(at, own), text })) }),
      ...(own && { source: own.source }),
    };
  }
}

/** The blocks that a file can call: its own, and those of the files that it uses. Its own hide others of their names. */
export function visibleBlocks(own: ReadonlyMap<string, BlockSection>, uses: readonly Module[]): ReadonlyMap<string, BlockSection> {
  if (uses.length === 0) return own;
  return new Map([...uses.flatMap(({ blocks }) => [...blocks]), ...own]);
}
