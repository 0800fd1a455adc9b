import type { TextEdit } from '../diagnostics/diagnostic.js';
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

/**
 * The changes of the file that give a thing another name, or why that would change what the file means: another thing has the name where
 * this one is seen, or where it is read.
 */
export function renameIn(analysis: Analysis, thing: NamedThing, name: string): readonly TextEdit[] | string {
  const refused = refuseName(name, thing);
  if (refused !== undefined) return refused;
  const own = placesOfThing(analysis, thing).filter(({ source }) => source.path === analysis.source.path);
  const edits = own.map(({ span }): TextEdit => ({ ...span, text: name }));
  if (name === thing.name) return [];
  const { source } = analysis;
  const text = applyEdits(source.text, edits);
  const changed = new Analysis({ ...source, text });
  const errorsOf = (of: Analysis) => of.diagnostics.filter(({ severity }) => severity === 'error').length;
  if (thing.kind === 'layer') return errorsOf(changed) > errorsOf(analysis) ? `another layer is named \`${name}\`` : edits;
  const shift = (offset: number): number =>
    edits.reduce((at, { start, text: to, end }) => at + (start < offset ? to.length - (end - start) : 0), offset);
  const isSame = groupsOf(analysis, shift) === groupsOf(changed, (offset) => offset);
  return isSame || own.length < thing.places.length ? edits : `\`${name}\` already stands for something else there`;
}

/** Which places name the same things, as text: what a renaming must leave as it is. */
function groupsOf({ symbols, source }: Analysis, shift: (offset: number) => number): string {
  const values = symbols.all.filter(({ kind }) => kind !== 'layer');
  const own = values.map(({ places }) => places.filter(({ end }) => end <= source.text.length).map(({ start }) => shift(start)));
  return own
    .filter((places) => places.length > 0)
    .map((places) => places.sort((a, b) => a - b).join(' '))
    .sort()
    .join('\n');
}
