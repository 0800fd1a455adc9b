import { idlePins } from '../compile.js';
import type { Diagnostic, Source, Span, UsedText } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import { sortDiagnostics } from '../diagnostics/render.js';
import type { Program } from '../ir/program.js';
import { analyseSource, type SourceAnalysis } from '../lower/lower.js';
import type { StageTrace } from '../lower/trace.js';
import type { CallStage } from '../parser/ast.js';
import type { ParseResult } from '../parser/parse.js';
import { idlePinHints } from './idle-pins.js';
import type { Place } from './place.js';
import { placesOf } from './places.js';
import { findSymbols, type Symbols } from './symbols.js';
import { programWarnings } from './warnings.js';

/** A place in one of the files that a program is made of. */
export interface Located {
  readonly source: Source;
  readonly span: Span;
}

/** What is known of a text, found out when it is first asked for and kept: the text does not change. */
export class Analysis {
  readonly lines: LineIndex;
  private readonly found: SourceAnalysis;
  private readonly kept = new Map<string, unknown>();

  constructor(readonly source: Source) {
    this.lines = new LineIndex(source.text);
    this.found = analyseSource(source);
  }

  private once<T>(name: string, find: () => T): T {
    if (!this.kept.has(name)) this.kept.set(name, find());
    return this.kept.get(name) as T;
  }

  get parsed(): ParseResult {
    return this.found.parsed;
  }

  get names(): SourceAnalysis['names'] {
    return this.found.names;
  }

  get dataset(): SourceAnalysis['dataset'] {
    return this.found.dataset;
  }

  /** Those that the file can call. */
  get blocks(): SourceAnalysis['blocks'] {
    return this.found.blocks;
  }

  /** Places in the tree. */
  get places(): readonly Place[] {
    return this.once('places', () => placesOf(this.parsed.file));
  }

  placeAt(offset: number): Place | undefined {
    return placeAt(this.places, offset);
  }

  /** The innermost stage that an offset is in: on its word, among its arguments or on its name. */
  stageAt(offset: number): CallStage | undefined {
    const stages = this.places.flatMap((place) => (place.kind === 'stage' ? [place.stage] : []));
    return stages.findLast(({ span, label }) => span.start <= offset && offset <= Math.max(span.end, label?.span.end ?? 0));
  }

  get symbols(): Symbols {
    return this.once('symbols', () => findSymbols(this));
  }

  /** What is trained; undefined where there are mistakes, or no model. */
  get program(): Program | undefined {
    return this.once('program', () => this.found.program());
  }

  get hasErrors(): boolean {
    return this.found.diagnostics.some(({ severity }) => severity === 'error');
  }

  /** Mistakes; without any also what is known to go wrong, in source order. */
  get diagnostics(): readonly Diagnostic[] {
    return this.once('diagnostics', () => {
      const { program } = this;
      return this.hasErrors || program === undefined
        ? this.found.diagnostics
        : sortDiagnostics(programWarnings(this.source, program, this.parsed.file));
    });
  }

  /** What does no harm and could be left out. It takes a part of a plan to find that, which is more than a keystroke may take. */
  get hints(): readonly Diagnostic[] {
    return this.once('hints', () => {
      const { program } = this;
      return program === undefined ? [] : idlePinHints(this.source, idlePins(program), this.parsed.file);
    });
  }

  /** Diagnostics and hints, in source order. */
  get findings(): readonly Diagnostic[] {
    return this.once('findings', () => sortDiagnostics([...this.diagnostics, ...this.hints]));
  }

  /** By the place where its name begins: what a stage of the file made, each time that it was applied. */
  get stages(): ReadonlyMap<number, readonly StageTrace[]> {
    return this.once('stages', () => {
      const stages = new Map<number, StageTrace[]>();
      for (const trace of this.found.stages) {
        const { start } = trace.stage.span;
        const same = stages.get(start);
        if (same === undefined) stages.set(start, [trace]);
        else same.push(trace);
      }
      return stages;
    });
  }

  /** The files that this one uses, and those that they use. */
  get used(): readonly UsedText[] {
    return this.found.modules.texts;
  }

  /** Where a file that is used is named. */
  useOf({ path }: Source): Span | undefined {
    return this.found.modules.useOf(path);
  }

  /** The file that is named at a place. */
  fileOf(path: Span): Source | undefined {
    return this.found.modules.namedAt(path);
  }

  /** Where a place of the tree is, which may be in a file that this one uses. */
  locate(span: Span): Located {
    return this.found.modules.locate(span);
  }
}

/** The innermost place that an offset is in, or right behind. */
function placeAt(places: readonly Place[], offset: number): Place | undefined {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle]!.span.start <= offset) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0 && i >= low - 4; i--) if (offset <= places[i]!.span.end) return places[i];
  return undefined;
}
