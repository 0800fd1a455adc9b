import type { Source, Span } from '../diagnostics/diagnostic.js';
import { LineIndex, type Position } from '../diagnostics/lines.js';
import { parseAmp } from '../parser/parse.js';
import type { Place } from './place.js';
import { placesOf } from './places.js';

/** The whole of what a place names, where that is what a plan can be about. */
function whole(place: Place): Span {
  if (place.kind === 'stage') return place.stage.span;
  return place.kind === 'function' ? place.call.span : place.span;
}

/** Finds where the layer, call, input or setting ends that begins at a place: plans know beginnings alone. Null where nothing does. */
export function placeEnds(source: Source): (place: Position | null) => Position | null {
  const { file } = parseAmp(source.text);
  const lines = new LineIndex(source.text);
  const ends = new Map<number, number>();
  const add = ({ start, end }: Span) => ends.set(start, Math.max(end, ends.get(start) ?? 0));
  for (const place of placesOf(file)) add(whole(place));
  for (const section of file.sections) if ('items' in section) for (const { span } of section.items) add(span);
  return (place) => {
    const end = place === null ? undefined : ends.get(lines.offset(place));
    return end === undefined ? null : lines.position(end);
  };
}
