import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import { groupOf } from '../ir/parameter-groups.js';
import type { ParameterGroup, TrainSpec } from '../ir/program.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';
import type { TrainSection } from '../parser/ast.js';
import { checkGroups, isAlwaysFrozen } from './check-groups.js';
import type { LoweredGraphs } from './check-parameter-lines.js';
import { hasErrorIn } from './mistakes.js';
import type { ParameterLine } from './parameter-lines.js';

/** Reports what is wrong with updates: lines of groups, and optimizers that have none for a parameter, as `muon` takes matrices. */
export function checkUpdates(
  section: TrainSection | undefined,
  train: Pick<TrainSpec, 'groups' | 'optimizer'>,
  parameterLines: readonly ParameterLine[],
  graphs: LoweredGraphs,
  sink: DiagnosticSink,
): void {
  const lines = section?.items.filter((item) => item.kind === 'parameter_group') ?? [];
  checkGroups(lines, train, parameterLines, graphs, sink);
  const { groups = [], optimizer } = train;
  const written = section?.items.find((item) => item.kind === 'setting' && item.name.text === 'optimizer');
  const others = new Map<ParameterGroup | undefined, string[]>();
  for (const [name, kind] of kindsOfParameters(graphs.graph.nodes)) {
    const group = groupOf(groups, name, kind);
    if ((group?.optimizer ?? optimizer).kind !== 'muon' || kind === 'weights' || isAlwaysFrozen(name, parameterLines)) continue;
    others.set(group, [...(others.get(group) ?? []), name]);
  }
  for (const [group, names] of others) {
    const span = group === undefined ? written?.span : lines[groups.indexOf(group)]?.span;
    if (hasErrorIn(span, sink)) continue;
    const shown = listNames(names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} more`] : names, 'and');
    sink.error('AMP4009', span, `\`muon\` updates matrices, and ${shown} ${names.length === 1 ? 'is none' : 'are none'}`, {
      why: 'it makes the direction of an update orthogonal, which means nothing for biases, factors and shifts',
      fix: 'give `muon` to weights alone, `group weights { optimizer muon(lr: 0.02) }`, beside an `optimizer` for the others',
    });
  }
}
