import { type Figure, group, shortened, text } from './figure.js';
import { type Child, element } from './markup.js';

/** More classes than this are not drawn: their cells could not be told apart. */
export const MOST_CLASSES = 100;
const SIDE = 480;
/** Up to so many classes have their numbers in the cells. */
const NUMBERED = 16;
const LONGEST_NAME = 16;

/**
 * Images by label (down) and by predicted class (across): the darker, the greater the share of the label's images. Undefined beyond
 * `MOST_CLASSES`.
 */
export function confusionMatrix(names: readonly string[], counts: readonly (readonly number[])[]): Figure | undefined {
  const classes = counts.length;
  if (classes === 0 || classes > MOST_CLASSES) return undefined;
  const cell = SIDE / classes;
  const named = cell >= 11;
  const left = named ? 12 + 7 * names.reduce((longest, name) => Math.max(longest, shortened(name, LONGEST_NAME).length), 4) : 20;
  const cells = counts.flatMap((row, label): readonly Child[] => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, predicted): readonly Child[] => {
      if (count === 0) return [];
      const share = count / total;
      const place = { x: predicted * cell, y: label * cell };
      const hint = `${names[label]} taken for ${names[predicted]}: ${count} of ${total} (${(100 * share).toFixed(1)} %)`;
      const fill = label === predicted ? 'fill-blue' : 'fill-red';
      const number = classes <= NUMBERED ? text(place.x + cell / 2, place.y + cell / 2 + 4, String(count), 'middle') : undefined;
      return [
        element(
          'rect',
          { ...place, width: cell - 1, height: cell - 1, class: fill, 'fill-opacity': 0.12 + 0.6 * share },
          element('title', {}, hint),
        ),
        number,
      ];
    });
  });
  const rows = named ? names.map((name, label) => text(-8, (label + 0.5) * cell + 4, shortened(name, LONGEST_NAME), 'end')) : [];
  const columns = named
    ? names.map((name, predicted) =>
        element('text', { transform: `translate(${(predicted + 0.5) * cell + 4} -8) rotate(-45)` }, shortened(name, LONGEST_NAME)),
      )
    : [];
  const top = named ? 30 + 5 * names.reduce((longest, name) => Math.max(longest, shortened(name, LONGEST_NAME).length), 4) : 30;
  const frame = element('path', { d: `M0 0H${SIDE}V${SIDE}H0Z`, class: 'grid' });
  return {
    title: 'Confusion matrix',
    width: left + SIDE + (named ? 70 : 10),
    height: top + SIDE + 26,
    content: group(left, top, [
      frame,
      ...cells,
      ...rows,
      ...columns,
      text(SIDE / 2, SIDE + 18, 'predicted, across; label, down', 'middle faint-text'),
    ]),
  };
}
