import type { Span } from '../diagnostics/diagnostic.js';
import type { SourceAnalysis } from '../lower/lower.js';
import type { BlockSection } from '../parser/ast.js';
import type { Place } from './place.js';

export type SymbolKind = 'value' | 'block' | 'layer';

/** Something that the text names, with every place that means it. Places are those of the tree. */
export interface NamedThing {
  readonly kind: SymbolKind;
  readonly name: string;
  readonly definition: Span;
  /** The definition among them. */
  readonly places: readonly Span[];
}

export class Symbols {
  private readonly byPlace = new Map<number, NamedThing>();

  constructor(readonly all: readonly NamedThing[]) {
    for (const thing of all) for (const { start } of thing.places) this.byPlace.set(start, thing);
  }

  /** What is named at a place of a word. */
  at(span: Span): NamedThing | undefined {
    return this.byPlace.get(span.start);
  }

  /** What is named where an offset is in a word, or right behind it. */
  around(offset: number): { readonly thing: NamedThing; readonly span: Span } | undefined {
    for (const thing of this.all) {
      const span = thing.places.find(({ start, end }) => start <= offset && offset <= end);
      if (span !== undefined) return { thing, span };
    }
    return undefined;
  }
}

class Gatherer {
  private readonly things = new Map<number, { kind: SymbolKind; name: string; definition: Span; places: Map<number, Span> }>();

  add(kind: SymbolKind, name: string, definition: Span, place: Span): void {
    if (place.end <= place.start || definition.end <= definition.start) return;
    const thing = this.things.get(definition.start) ?? { kind, name, definition, places: new Map([[definition.start, definition]]) };
    this.things.set(definition.start, thing);
    thing.places.set(place.start, place);
  }

  get all(): readonly NamedThing[] {
    return [...this.things.values()].map(({ places, ...thing }) => {
      return { ...thing, places: [...places.values()].sort((a, b) => a.start - b.start) };
    });
  }
}

/** What is known of a text, as far as names go. */
interface Read extends Pick<SourceAnalysis, 'names' | 'parsed'> {
  readonly places: readonly Place[];
}

/** The names of a file: values and their scopes, blocks, and layers by their labels. */
export function findSymbols({ names, parsed, places }: Read): Symbols {
  const gathered = new Gatherer();
  for (const { name, declaration } of names?.uses ?? []) gathered.add('value', name.text, declaration.span, name.span);
  const blocks = new Set<BlockSection>(parsed.file.sections.filter((section) => section.kind === 'block'));
  for (const { stage, block } of names?.blockCalls ?? []) {
    blocks.add(block);
    gathered.add('block', block.name.text, block.name.span, stage.callee.span);
    for (const { name } of stage.args) {
      const param = name && block.params.find((candidate) => candidate.name.text === name.text);
      if (name !== undefined && param !== undefined) gathered.add('value', name.text, param.name.span, name.span);
    }
  }
  for (const { name } of blocks) gathered.add('block', name.text, name.span, name.span);
  addLabels(places, gathered);
  return new Symbols(gathered.all);
}

/** Layers by their labels, and where patterns name them as one part of a path. A label that stands in two blocks names two things. */
function addLabels(places: readonly Place[], gathered: Gatherer): void {
  const labels = new Map<string, Span[]>();
  for (const place of places) if (place.kind === 'label') labels.set(place.name, [...(labels.get(place.name) ?? []), place.span]);
  for (const [name, spans] of labels) for (const span of spans) gathered.add('layer', name, span, span);
  for (const place of places) {
    if (place.kind !== 'pattern') continue;
    const { text, span } = place.within ?? place.item.pattern;
    let at = span.start + (span.end - span.start > text.length ? 1 : 0);
    for (const part of text.split('.')) {
      const found = labels.get(part);
      if (found?.length === 1) gathered.add('layer', part, found[0]!, { start: at, end: at + part.length });
      at += part.length + 1;
    }
  }
}
