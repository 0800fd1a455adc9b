import { isMeant } from '../ir/parameter-groups.js';
import { isParameterKind, PARAMETER_KINDS } from '../ir/parameter-kinds.js';
import { matchesLayer } from '../ir/pattern.js';
import { meantBy } from '../lower/groups.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';
import type { Analysis } from './analysis.js';
import type { DocumentPlan } from './document-plan.js';
import type { Place } from './place.js';
import { MAX_LISTED, plural, resultText } from './units.js';

type PatternPlace = Extract<Place, { readonly kind: 'pattern' }>;

/** What a pattern means: layers, of which the plan says what it changes for them, or parameters. */
export function patternText(place: PatternPlace, analysis: Analysis, plan: DocumentPlan | undefined): string {
  const { item, within } = place;
  if (item.kind === 'keep') return layersText(item.pattern.text, analysis, plan);
  const of = item.kind === 'parameter_group' ? meantBy(item) : { of: item.pattern.text, pattern: item.pattern.text };
  const kinds = [...kindsOfParameters(analysis.program?.train.nodes ?? [])];
  const found = kinds.filter(([name, kind]) => isMeant(of, name, kind)).map(([name]) => name);
  const { text } = item.pattern;
  const isKind = within === undefined && item.kind === 'parameter_group' && !item.quoted && isParameterKind(text);
  const said = found.length === 0 ? [`\`${of.of}\``] : [`\`${of.of}\` means ${plural(found.length, 'parameter')}`, list(found)];
  return [...(isKind ? [`**${text}**: ${PARAMETER_KINDS[text]}`] : []), ...said].join('\n\n');
}

function layersText(pattern: string, { stages }: Analysis, plan: DocumentPlan | undefined): string {
  const paths = [...new Set([...stages.values()].flatMap((traces) => traces.map(({ path }) => path)))];
  const found = paths.filter((path) => path !== '' && matchesLayer(pattern, path));
  if (found.length === 0) return `\`${pattern}\``;
  const layers = found.slice(0, MAX_LISTED).map((path) => `${path} ${resultText(undefined, plan?.at(path)?.result)}`.trimEnd());
  return [`\`${pattern}\` means ${plural(found.length, 'layer')}`, list(layers, found.length)].join('\n\n');
}

function list(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, MAX_LISTED);
  const more = count - shown.length;
  return [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].map((name) => `- ${name}`).join('\n');
}
