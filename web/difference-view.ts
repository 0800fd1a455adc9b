import type { PlanDiff } from '../src/browser.js';
import { type Child, element, join, type Markup } from '../src/figures/markup.js';
import { formatBytes } from '../src/numeric/bytes.js';
import { pictureRegion } from './plan-pictures.js';

/** Of each kind of change as many are listed, and of more the number is given. */
const MOST = 30;

const named = ({ role, op, layer }: { readonly role: string; readonly op: string; readonly layer: string }): string =>
  role === '' ? `${op}${layer === '' ? '' : ` of ${layer}`}` : `${op}, ${role}`;

/** `f16 f16 → f32`; what reads no floats is its result alone. */
const formatsOf = ({ reads, result }: PlanDiff['formats'][number]['before']): string =>
  reads.length === 0 ? result : `${reads.join(' ')} → ${result}`;

function part(title: string, sentences: readonly string[]): Child {
  if (sentences.length === 0) return undefined;
  const left = sentences.length - MOST;
  return join([
    element('h3', {}, `${title}: ${sentences.length}`),
    element('ul', {}, ...sentences.slice(0, MOST).map((sentence) => element('li', {}, sentence))),
    left > 0 ? element('p', { class: 'note' }, `and ${left} more`) : undefined,
  ]);
}

/** What differs, in words; of functions that run at the end of an epoch nothing that the step does not say. */
function wordsOf({ settings, scaling, memory, formats, castsAdded, castsRemoved, ops }: PlanDiff): readonly Child[] {
  const ofStep = <T extends { readonly function: string }>(all: readonly T[]): readonly T[] =>
    all.filter((one) => one.function === 'train_step');
  const castWords = ({ value, from, to, bytesMoved, why }: PlanDiff['castsAdded'][number]) =>
    `${value}, ${from} → ${to}, moves ${formatBytes(bytesMoved)} (${why})`;
  return [
    part('Settings', [
      ...settings.map(({ name, before, after }) => `${name}: ${before} becomes ${after}`),
      ...scaling.map(({ name, before, after }) => `loss scale, ${name}: ${before} becomes ${after}`),
    ]),
    part(
      'Memory',
      memory
        .map(({ name, before, after }) => ({ name, was: formatBytes(before), is: formatBytes(after) }))
        .flatMap(({ name, was, is }) => (was === is ? [] : [`${name}: ${was} becomes ${is}`])),
    ),
    part(
      'Formats',
      ofStep(formats).map((change) => {
        const { before, after } = change;
        return `${named(change)}: ${formatsOf(before)} becomes ${formatsOf(after)} (${after.why})`;
      }),
    ),
    part('Casts that come', ofStep(castsAdded).map(castWords)),
    part('Casts that go', ofStep(castsRemoved).map(castWords)),
    part(
      'Ops',
      ofStep(ops).map((op) => `${named(op)} ${op.kind}: ${op.detail}`),
    ),
  ];
}

const side = (title: string, picture: Markup): Markup => element('div', {}, element('h3', {}, title), pictureRegion(title, picture));

/** Two plans beside each other, and how the second differs. */
export function differenceOf(before: Markup, after: Markup, diff: PlanDiff, name: string): string {
  const words = wordsOf(diff).filter((child) => child !== undefined);
  return join([
    element('h2', {}, `With ${name}`),
    element('div', { class: 'sides' }, side('This plan', before), side(`With ${name}`, after)),
    ...(words.length === 0 ? [element('p', {}, 'The plans are the same.')] : words),
  ]).markup;
}
