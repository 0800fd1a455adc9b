import { didYouMean } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import { matchesLayer } from '../ir/pattern.js';
import { isState } from '../ir/structure.js';
import type { Graph } from '../ir/types.js';
import type { ParameterItem } from '../parser/ast.js';
import { holdsIn, namesStatistics, type ParameterLine, phasesOf, whenText } from './parameter-lines.js';

/** A graph without the layers that nothing reads, and with them. */
export interface LoweredGraphs {
  readonly graph: Graph;
  readonly whole: Graph;
}

function namesOf({ nodes }: Graph, role: 'parameter' | 'statistic'): readonly string[] {
  return nodes.filter((node) => isState(node) && node.attrs.role === role).map((node) => String(node.attrs.name));
}

/** What a line may name: parameters, and statistics where its pattern is of those. */
function namedBy({ kind, pattern }: ParameterItem, graph: Graph): readonly string[] {
  const parameters = namesOf(graph, 'parameter');
  return kind === 'freeze' && namesStatistics(pattern.text) ? [...parameters, ...namesOf(graph, 'statistic')] : parameters;
}

/** Where in a run of so many epochs, counted from its begin, others are frozen than before. */
export function phasesIn(lines: readonly ParameterLine[], graph: Graph, epochs: number): readonly number[] {
  const frozenIn = (epoch: number): string => {
    const frozen = lines.filter(holdsIn(epoch)).filter(({ item }) => item.kind === 'freeze');
    const names = frozen.flatMap(({ item }) => namedBy(item, graph).filter((name) => matchesLayer(item.pattern.text, name)));
    return [...new Set(names)].sort().join(' ');
  };
  const changes = phasesOf(lines, epochs);
  return changes.filter((epoch, index) => frozenIn(epoch) !== frozenIn(index === 0 ? 0 : changes[index - 1]!));
}

/** Why a name of a layer that is there, and that nothing reads, counts for nothing. */
export const UNREAD = {
  why: 'nothing reads the `let` that it is in, so its layers are left out of the model',
  fix: 'use the `let`, or remove this line',
};

/**
 * Reports lines that name no parameter, files that freeze all of them, if only for some of the run's epochs, and lines that do not do in
 * the run what they say.
 */
export function checkPatterns(lines: readonly ParameterLine[], graphs: LoweredGraphs, epochs: number, sink: DiagnosticSink): void {
  if (lines.length === 0) return;
  const names = namesOf(graphs.graph, 'parameter');
  for (const { item } of lines) checkNames(item, graphs, names, sink);
  for (const epoch of names.length === 0 ? [] : [0, ...phasesOf(lines, epochs)]) {
    const frozen = lines.filter(holdsIn(epoch)).filter(({ item }) => item.kind === 'freeze');
    if (!names.every((name) => frozen.some(({ item }) => matchesLayer(item.pattern.text, name)))) continue;
    const change = frozen.find(({ from }) => from === epoch) ?? frozen[0]!;
    sink.error('AMP4015', frozen[0]!.item.span, `all parameters are frozen${epoch === 0 ? '' : ` ${afterText(change)}`}`, {
      why: 'there is nothing to train without one',
      fix: 'leave out the last layer, such as `fc`',
    });
    return;
  }
  const timed = lines.filter(({ item, from, to }) => item.kind === 'freeze' && (from > 0 || Number.isFinite(to)) && from < to);
  const reported = new Set<string>();
  for (const line of timed) if (!outlastsRun(line, epochs, sink)) checkOverlap(line, lines, graphs.graph, epochs, reported, sink);
}

function checkNames(item: ParameterItem, { graph, whole }: LoweredGraphs, names: readonly string[], sink: DiagnosticSink): void {
  const { kind, pattern } = item;
  const { text } = pattern;
  const isMeant = (name: string): boolean => matchesLayer(text, name);
  const known = namedBy(item, graph);
  if (text === '' || known.some(isMeant)) return;
  if (namedBy(item, whole).some(isMeant)) {
    sink.error('AMP4014', pattern.span, `\`${text}\` is no part of the model`, UNREAD);
    return;
  }
  const near = closest(text, known);
  sink.error('AMP4014', pattern.span, `\`${text}\` matches no parameter of the model`, {
    why: `\`${kind}\` names parameters, such as \`conv1.weight\`, or all of a layer, or a pattern in quotes`,
    ...(near === undefined
      ? { fix: `the parameters are ${listNames(names.slice(0, 8), 'and')}` }
      : didYouMean(pattern.span, item.quoted || /\W/.test(near) ? `"${near}"` : near, near)),
  });
}

const count = (epochs: number, unit: 'epoch' | 'step' = 'epoch'): string => (epochs === 1 ? `1 ${unit}` : `${epochs} ${unit}s`);

const unitOf = ({ item }: ParameterLine): 'epoch' | 'step' => (item.when?.unit === 'steps' ? 'step' : 'epoch');

const afterText = (line: ParameterLine): string => `after ${count(line.count ?? 0, unitOf(line))}`;

/** Reports a line whose change comes after the run; whether it is one. */
function outlastsRun(line: ParameterLine, epochs: number, sink: DiagnosticSink): boolean {
  const { item, from, to } = line;
  const change = from > 0 ? from : to;
  if (change < epochs) return false;
  const { pattern, span } = item;
  const says = `\`${whenText(line)}\``;
  sink.warning('AMP4019', span, `\`${pattern.text}\` ${from > 0 ? 'never freezes' : 'never trains'}: the run has ${count(epochs)}`, {
    why: `${says} changes something only once ${count(line.count ?? 0, unitOf(line))} ${line.count === 1 ? 'is' : 'are'} done`,
    fix: `give it fewer ${unitOf(line)}s, or train for more; without ${says} it is frozen in all`,
  });
  return true;
}

/** Reports a line whose parameters never train, though it says that they do in some epochs. `reported` takes their names. */
function checkOverlap(
  line: ParameterLine,
  lines: readonly ParameterLine[],
  graph: Graph,
  epochs: number,
  reported: Set<string>,
  sink: DiagnosticSink,
): void {
  const { item } = line;
  const freezing = (name: string, epoch: number): ParameterLine | undefined =>
    lines.filter(holdsIn(epoch)).find((other) => other.item.kind === 'freeze' && matchesLayer(other.item.pattern.text, name));
  const phases = [0, ...phasesOf(lines, epochs)];
  const { text } = item.pattern;
  const meant = namedBy(item, graph).filter((name) => matchesLayer(text, name));
  const [first] = meant;
  const isStuck = meant.every((name) => phases.every((epoch) => freezing(name, epoch) !== undefined));
  if (first === undefined || !isStuck || meant.every((name) => reported.has(name))) return;
  for (const name of meant) reported.add(name);
  const other = phases.map((epoch) => freezing(first, epoch)!).find(({ item: { span } }) => span !== item.span);
  sink.warning('AMP4019', item.span, `\`${text}\` never trains: another line freezes it in the epochs in which this one does not`, {
    why: 'a parameter is frozen in an epoch if any of its lines says so',
    fix: 'let one line say in which epochs it is frozen',
    ...(other && { related: [{ span: other.item.span, message: 'the other line' }] }),
  });
}
