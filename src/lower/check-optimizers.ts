import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import { groupOf } from '../ir/parameter-groups.js';
import type { ParameterGroup, TrainSpec } from '../ir/program.js';
import type { Graph } from '../ir/types.js';
import { kindsOfParameters } from '../ops/kinds-of-parameters.js';
import type { TrainSection } from '../parser/ast.js';

/** Reports parameters that an optimizer has no update for: `muon` takes matrices. `isFrozen`: whether one is never updated. */
export function checkOptimizers(
  section: TrainSection | undefined,
  { groups = [], optimizer }: Pick<TrainSpec, 'groups' | 'optimizer'>,
  { nodes }: Graph,
  isFrozen: (name: string) => boolean,
  sink: DiagnosticSink,
): void {
  const lines = section?.items.filter((item) => item.kind === 'parameter_group') ?? [];
  const written = section?.items.find((item) => item.kind === 'setting' && item.name.text === 'optimizer');
  const others = new Map<ParameterGroup | undefined, string[]>();
  for (const [name, kind] of kindsOfParameters(nodes)) {
    const group = groupOf(groups, name, kind);
    if ((group?.optimizer ?? optimizer).kind !== 'muon' || kind === 'weights' || isFrozen(name)) continue;
    others.set(group, [...(others.get(group) ?? []), name]);
  }
  for (const [group, names] of others) {
    const span = group === undefined ? written?.span : lines[groups.indexOf(group)]?.span;
    const shown = listNames(names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} more`] : names, 'and');
    sink.error('AMP4009', span, `\`muon\` updates matrices, and ${shown} ${names.length === 1 ? 'is none' : 'are none'}`, {
      why: 'it makes the direction of an update orthogonal, which means nothing for biases, factors and shifts',
      fix: 'give `muon` to weights alone, `group weights { optimizer muon(lr: 0.02) }`, beside an `optimizer` for the others',
    });
  }
}
