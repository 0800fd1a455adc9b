import type { WorkspaceEdit } from 'vscode-languageserver';
import { LineIndex } from '../diagnostics/lines.js';
import { Analysis, type Located } from '../language/analysis.js';
import { placesOfThing, renameIn } from '../language/rename.js';
import type { NamedThing } from '../language/symbols.js';
import { libraryUrl } from '../lower/used-text.js';
import { toTextEdit } from './positions.js';
import type { Session } from './session.js';
import { usersOf } from './workspace.js';

/** One thing as one file means it. */
interface Meant {
  readonly analysis: Analysis;
  readonly thing: NamedThing;
}

function meantAt(session: Session, uri: string, offset: number): Meant | undefined {
  const analysis = session.analysis(uri);
  const thing = analysis?.symbols.around(offset)?.thing;
  return analysis === undefined || thing === undefined ? undefined : { analysis, thing };
}

/** Where a thing is declared. */
export function definition(session: Session, uri: string, offset: number): Located | undefined {
  const meant = meantAt(session, uri, offset);
  return meant?.analysis.locate(meant.thing.definition);
}

function isAt(definition: Located, { source, span }: Located): boolean {
  return source.path === definition.source.path && span.start === definition.span.start;
}

/** A thing as it is meant in every open document and in the files of the workspace that use where it is declared. */
function everywhere(session: Session, definition: Located): readonly Meant[] {
  const { documents } = session;
  const open = documents.all.flatMap(({ uri }) => session.analysis(uri) ?? []);
  const closed = usersOf(definition.source.path, session.folders).filter(({ path }) => documents.at(path) === undefined);
  const others = closed.map(({ path, text }) => new Analysis(documents.withUsed(path, text)));
  return [...open, ...others].flatMap((analysis) => {
    const thing = analysis.symbols.all.find((candidate) => isAt(definition, analysis.locate(candidate.definition)));
    return thing === undefined ? [] : [{ analysis, thing }];
  });
}

/** Every place of a thing, in all files that mean the same one. */
export function references(
  session: Session,
  uri: string,
  offset: number,
): { readonly definition: Located; readonly places: readonly Located[] } | undefined {
  const declared = definition(session, uri, offset);
  if (declared === undefined) return undefined;
  const places = new Map<string, Located>();
  for (const { analysis, thing } of everywhere(session, declared))
    for (const place of placesOfThing(analysis, thing)) places.set(`${place.source.path} ${place.span.start}`, place);
  return { definition: declared, places: [...places.values()] };
}

/** The changes that rename a thing in all files that mean it, or why it cannot be. */
export function rename(session: Session, uri: string, offset: number, name: string): WorkspaceEdit | string {
  const meant = meantAt(session, uri, offset);
  if (meant === undefined) return 'there is no name here';
  const declared = meant.analysis.locate(meant.thing.definition);
  if (libraryUrl(declared.source.path) !== undefined) return `\`${meant.thing.name}\` comes with ampc`;
  const changes = new Map<string, Map<number, ReturnType<typeof toTextEdit>>>();
  for (const { analysis, thing } of everywhere(session, declared)) {
    const edits = renameIn(analysis, thing, name);
    if (typeof edits === 'string') return edits;
    for (const { path, text } of [analysis.source, ...analysis.used]) {
      const file = session.uriOf({ path, text });
      const known = changes.get(file) ?? new Map();
      const lines = new LineIndex(text);
      for (const edit of edits.get(path) ?? []) changes.set(file, known.set(edit.start, toTextEdit(lines, edit)));
    }
  }
  return { changes: Object.fromEntries([...changes].map(([file, edits]) => [file, [...edits.values()]])) };
}
