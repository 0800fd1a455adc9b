import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import { groupOf, isMeant } from '../ir/parameter-groups.js';
import { isParameterKind, PARAMETER_KINDS, type ParameterKind } from '../ir/parameter-kinds.js';
import { matchesLayer } from '../ir/pattern.js';
import type { ParameterGroup, TrainSpec } from '../ir/program.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';
import type { GroupItem } from '../parser/ast.js';
import { type LoweredGraphs, UNREAD } from './check-parameter-lines.js';
import type { ParameterLine } from './parameter-lines.js';

/** Rates that are further apart are hardly meant; those of the recipes that are known differ by less than 100. */
const FAR = 1000;

type Kinds = ReadonlyMap<string, ParameterKind>;

function meantOf(group: ParameterGroup, kinds: Kinds): readonly string[] {
  return [...kinds].filter(([name, kind]) => isMeant(group, name, kind)).map(([name]) => name);
}

/** Whether a parameter never trains. */
export function isAlwaysFrozen(name: string, lines: readonly ParameterLine[]): boolean {
  const always = lines.filter(({ item, from, to }) => item.kind === 'freeze' && from === 0 && to === Number.POSITIVE_INFINITY);
  return always.some(({ item }) => matchesLayer(item.pattern.text, name));
}

/** Reports lines that mean no parameter, or one thing or another, and those that do nothing in the run. */
export function checkGroups(
  items: readonly GroupItem[],
  { groups = [], optimizer }: Pick<TrainSpec, 'groups' | 'optimizer'>,
  parameterLines: readonly ParameterLine[],
  { graph, whole }: LoweredGraphs,
  sink: DiagnosticSink,
): void {
  if (items.length === 0) return;
  const kinds = kindsOfParameters(graph.nodes);
  const isFrozen = (name: string): boolean => isAlwaysFrozen(name, parameterLines);
  for (const [index, item] of items.entries()) {
    const group = groups[index]!;
    const { text, span } = item.pattern;
    if (text === '') continue;
    checkAmbiguity(item, group, kinds, sink);
    const meant = meantOf(group, kinds);
    if (meant.length === 0) {
      const unread = meantOf(group, kindsOfParameters(whole.nodes)).length > 0;
      sink.error(
        'AMP4014',
        span,
        `\`${group.of}\` ${unread ? 'is no part' : 'matches no parameter'} of the model`,
        unread ? UNREAD : help(group, kinds),
      );
      continue;
    }
    const taking = meant.map((name) => groups.indexOf(groupOf(groups, name, kinds.get(name))!));
    if (taking.every((by) => by !== index))
      sink.warning('AMP4020', item.span, `\`${group.of}\` has no parameter left: later lines take all that it means`, {
        why: 'of several lines that mean a parameter the last one counts, by itself',
        fix: 'put the line of fewer parameters behind the one of more, or remove this one',
        related: [{ span: items[taking[0]!]!.span, message: `this one takes \`${meant[0]}\`` }],
      });
    else if (meant.every(isFrozen))
      sink.warning('AMP4020', item.span, `all of \`${group.of}\` is frozen`, {
        why: 'what is frozen has no update, and so none of its own',
        fix: 'remove this line, or the `freeze` line',
      });
    checkRate(item, group, optimizer, sink);
  }
}

function checkRate(
  { span }: GroupItem,
  { of, optimizer, ownRate }: ParameterGroup,
  main: TrainSpec['optimizer'],
  sink: DiagnosticSink,
): void {
  const ratio = optimizer.lr / main.lr;
  if (!ownRate || optimizer.kind !== main.kind || !(ratio > FAR || (ratio < 1 / FAR && ratio > 0))) return;
  sink.warning('AMP4021', span, `the learning rate of \`${of}\` is ${Number(ratio.toPrecision(3))} times that of the others`, {
    why: `they are ${optimizer.lr} and ${main.lr}; a step that suits the ones hardly moves the others, or throws them far off`,
    fix: 'check the number: `lr` is a rate by itself, `lr_times` a factor on that of the optimizer',
  });
}

/** A word that is a kind of parameters as well as a layer. */
function checkAmbiguity(
  { quoted, pattern: { text, span } }: GroupItem,
  { parameters }: ParameterGroup,
  kinds: Kinds,
  sink: DiagnosticSink,
): void {
  if (quoted || parameters === undefined || ![...kinds.keys()].some((name) => matchesLayer(text, name))) return;
  sink.error('AMP4009', span, `\`${text}\` is a kind of parameters, and a layer of the model`, {
    why: 'the line would mean one of the two',
    fix: `write \`"${text}"\` for the layer, or give that another name`,
  });
}

function help({ parameters, pattern }: ParameterGroup, kinds: Kinds): { readonly why: string; readonly fix: string } {
  const of = parameters === undefined ? kinds : new Map([...kinds].filter(([, kind]) => kind === parameters));
  const present = Object.keys(PARAMETER_KINDS).filter((kind) => [...kinds.values()].some((other) => other === kind));
  if (parameters !== undefined && of.size === 0)
    return { why: `\`${parameters}\`: ${PARAMETER_KINDS[parameters]}`, fix: `this model has ${listNames(present, 'and')}` };
  const near = closest(pattern ?? '', [...of.keys(), ...present]);
  return {
    why: '`group` takes a kind of parameters, the name of one, or of a layer, or a pattern in quotes',
    fix:
      near === undefined
        ? `the parameters are ${listNames([...of.keys()].slice(0, 8), 'and')}`
        : `did you mean \`${isParameterKind(near) ? near : `"${near}"`}\`?`,
  };
}
