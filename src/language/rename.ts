import type { Source, Span, TextEdit } from '../diagnostics/diagnostic.js';
import { applyEdits } from '../diagnostics/fixes.js';
import { LAYERS } from '../lower/layers.js';
import { SECTION_KEYWORDS, TOKENS } from '../parser/tokens.js';
import { Analysis, type Located } from './analysis.js';
import type { NamedThing } from './symbols.js';

const RESERVED = new Set([...Object.keys(SECTION_KEYWORDS), ...TOKENS.map(({ name }) => /^'(\w+)'$/.exec(name)?.[1])]);

/** Why a name cannot be that of something; undefined where it can. */
export function refuseName(name: string, { kind }: Pick<NamedThing, 'kind'>): string | undefined {
  if (!/^[A-Za-z_]\w*$/.test(name)) return `\`${name}\` is no name: names are letters, digits and \`_\``;
  if (RESERVED.has(name)) return `\`${name}\` is a reserved word`;
  if (kind === 'block' && Object.hasOwn(LAYERS, name)) return `\`${name}\` is already a layer of the language`;
  return undefined;
}

/** Where the name of a thing is written, file by file. */
export function placesOfThing(analysis: Analysis, thing: NamedThing): readonly Located[] {
  return thing.places.map((span) => analysis.locate(span));
}

/** The changes of each file, by its path, that give a thing another name. */
export type Renaming = ReadonlyMap<string, readonly TextEdit[]>;

/**
 * The changes that give a thing another name, in the file and in those that it uses, or why that would change what they mean: another
 * thing has the name where this one is seen, or where it is read.
 */
export function renameIn(analysis: Analysis, thing: NamedThing, name: string): Renaming | string {
  const refused = refuseName(name, thing);
  if (refused !== undefined) return refused;
  if (name === thing.name) return new Map();
  const edits = new Map<string, TextEdit[]>();
  for (const { source, span } of placesOfThing(analysis, thing))
    edits.set(source.path, [...(edits.get(source.path) ?? []), { ...span, text: name }]);
  const { source } = analysis;
  const changed = ({ path, text }: Pick<Source, 'path' | 'text'>) => applyEdits(text, edits.get(path) ?? []);
  const used = analysis.used.map((file) => ({ ...file, text: changed(file) }));
  const after = new Analysis({ ...source, text: changed(source), ...(used.length > 0 && { used }) });
  const errorsOf = (of: Analysis) => of.diagnostics.filter(({ severity }) => severity === 'error').length;
  const hasMore = errorsOf(after) > errorsOf(analysis);
  if (thing.kind === 'layer') return hasMore ? `another layer is named \`${name}\`` : edits;
  const isSame = groupsOf(analysis, edits) === groupsOf(after, new Map());
  return isSame && !hasMore ? edits : `\`${name}\` already stands for something else there`;
}

/** Which places name the same things, as text: what a renaming must leave as it is. `edits`: those after which the places are meant. */
function groupsOf(analysis: Analysis, edits: Renaming): string {
  const placed = (span: Span): string => {
    const { source, span: at } = analysis.locate(span);
    const before = (edits.get(source.path) ?? []).filter(({ start }) => start < at.start);
    return `${source.path}:${before.reduce((sum, { start, end, text }) => sum + text.length - (end - start), at.start)}`;
  };
  const values = analysis.symbols.all.filter(({ kind }) => kind !== 'layer');
  return values
    .map(({ places }) => places.map(placed).sort().join(' '))
    .sort()
    .join('\n');
}
