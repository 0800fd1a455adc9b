import { userError } from '../diagnostics/diagnostic.js';
import { LineReader } from '../ir/line-reader.js';
import { GraphReader } from '../ir/parse.js';
import type { ValueId } from '../ir/types.js';
import { byteLength, COMPUTE_TYPES } from '../ir/types.js';
import {
  type Allocation,
  FUNCTION_NAMES,
  type FunctionName,
  GROUP_KINDS,
  type Group,
  type GroupKind,
  type Plan,
  type PlanFunction,
} from './plan.js';
import { defaultTarget } from './target.js';

/** Reads the lines of one function, from behind its signature to its closing brace. */
function parseFunction(header: LineReader, lines: Iterator<LineReader, undefined>): PlanFunction {
  const graph = new GraphReader();
  graph.signature(header, FUNCTION_NAMES);
  header.expect('batch=');
  const batch = header.integer();
  header.expect('arena=');
  const arena = header.integer();
  header.expect('{');
  const groups: Group[] = [];
  const allocations: Allocation[] = [];
  let open: { kind: GroupKind; name: string; nodes: ValueId[]; stores: ValueId[] } | undefined;
  for (let next = lines.next(); next.value !== undefined; next = lines.next()) {
    const line = next.value;
    if (line.accept('}')) {
      if (open === undefined) {
        const finished = graph.finish(line);
        return { name: finished.name as FunctionName, batch, graph: finished, groups, memory: { arena, allocations } };
      }
      groups.push({ index: groups.length, ...open });
      open = undefined;
    } else if (line.peek(/ *%/)) {
      const { id, offset } = graph.node(line);
      open?.nodes.push(id);
      if (offset === undefined) continue;
      open?.stores.push(id);
      allocations.push({ value: id, offset, size: byteLength(graph.nodes[id]!.type) });
    } else {
      if (open !== undefined) line.fail(`"}" behind ${open.kind} ${open.name}`);
      open = { kind: line.oneOf(GROUP_KINDS), name: line.word(), nodes: [], stores: [] };
      line.expect('{');
    }
  }
  return header.fail('a closing "}" for this function');
}

/**
 * Reads what `printPlan` wrote; `source` is what messages call it. Throws UserError AMP5001 with the line and column of the first mistake.
 */
export function parsePlan(text: string, source?: string): Plan {
  const all = text.split('\n').map((line, index) => new LineReader(line, index + 1, source));
  const lines = all.filter((line) => !line.atEnd()).values() as Iterator<LineReader, undefined>;
  const header = lines.next().value;
  if (header === undefined)
    throw userError('AMP5001', `${source ?? 'the plan'} is empty`, undefined, 'give the text that `ampc plan --dump` printed');
  header.expect('plan');
  header.expect('@');
  const model = header.word();
  header.expect('policy=');
  const policy = header.word();
  header.expect('precision=');
  const precision = header.oneOf(COMPUTE_TYPES);
  header.expect('backend=');
  const target = defaultTarget(header.word());
  const functions: PlanFunction[] = [];
  for (let next = lines.next(); next.value !== undefined; next = lines.next()) functions.push(parseFunction(next.value, lines));
  return { model, policy, precision, target, functions };
}
