import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import type { BlockSection } from '../parser/ast.js';
import { walkBlock } from '../parser/walk.js';

interface Call {
  readonly callee: string;
  readonly span: Span;
}

/** Cycles that are told apart; more than anybody reads. */
const MAX_CYCLES = 100;
/** Blocks of one cycle that are named. */
const MAX_SHOWN = 8;

/** Reports every block that calls itself, directly or through others, and returns the names of the blocks on such cycles. */
export function findRecursion(blocks: ReadonlyMap<string, BlockSection>, sink: DiagnosticSink): ReadonlySet<string> {
  const calls = new Map(
    [...blocks].map(([name, block]): [string, readonly Call[]] => [name, callsOf(block).filter((call) => blocks.has(call.callee))]),
  );
  const recursive = new Set<string>();
  let found = 0;
  const groups = callGroups(calls);
  for (const name of blocks.keys()) {
    const group = groups.get(name)!;
    if (recursive.has(name) || (group.size === 1 && !calls.get(name)!.some(({ callee }) => callee === name))) continue;
    const cycle = found < MAX_CYCLES ? findCycle(name, calls, group) : undefined;
    if (cycle === undefined) {
      recursive.add(name);
      continue;
    }
    found += 1;
    for (const call of cycle) recursive.add(call.callee);
    const [first, ...rest] = cycle;
    const others = rest.slice(0, MAX_SHOWN);
    const more = rest.length - others.length;
    const message =
      others.length === 0
        ? `block \`${name}\` calls itself`
        : `block \`${name}\` calls itself through ${listNames(
            others.map((_, i) => cycle[i].callee),
            'and',
          )}${more > 0 ? ` and ${more} more` : ''}`;
    sink.error('AMP2009', first.span, message, {
      why: 'a block is expanded where it is called, so this would never end',
      fix: 'use `repeat` for layers that come several times',
      related: others.map((call) => ({ span: call.span, message: `which calls \`${call.callee}\`` })),
    });
  }
  return recursive;
}

/**
 * Blocks that can call each other, in groups (Tarjan's strongly connected components, without recursion): time grows with the number of
 * calls. A block alone in its group is on a cycle only when it calls itself.
 */
function callGroups(calls: ReadonlyMap<string, readonly Call[]>): ReadonlyMap<string, ReadonlySet<string>> {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const groups = new Map<string, ReadonlySet<string>>();
  const open: string[] = [];
  const lower = (name: string, value: number) => low.set(name, Math.min(low.get(name)!, value));
  const enter = (name: string) => {
    order.set(name, order.size);
    low.set(name, order.size - 1);
    open.push(name);
    return { name, next: 0 };
  };
  for (const root of calls.keys()) {
    if (order.has(root)) continue;
    const stack = [enter(root)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const { name } = frame;
      const callee = calls.get(name)![frame.next++]?.callee;
      if (callee !== undefined) {
        if (!order.has(callee)) stack.push(enter(callee));
        else if (!groups.has(callee)) lower(name, order.get(callee)!);
        continue;
      }
      stack.pop();
      const caller = stack.at(-1);
      if (caller !== undefined) lower(caller.name, low.get(name)!);
      if (low.get(name) !== order.get(name)) continue;
      const group = new Set(open.splice(open.lastIndexOf(name)));
      for (const member of group) groups.set(member, group);
    }
  }
  return groups;
}

/** Calls among `names` that lead from `start` back to it, the shortest way. */
function findCycle(start: string, calls: ReadonlyMap<string, readonly Call[]>, names: ReadonlySet<string>): readonly Call[] | undefined {
  const cameBy = new Map<string, { readonly from: string; readonly call: Call }>();
  const queue = [start];
  for (let at = 0; at < queue.length; at++) {
    const from = queue[at];
    for (const call of calls.get(from) ?? []) {
      if (cameBy.has(call.callee) || !names.has(call.callee)) continue;
      cameBy.set(call.callee, { from, call });
      if (call.callee !== start) queue.push(call.callee);
      else {
        const cycle: Call[] = [];
        let step = cameBy.get(start)!;
        for (; step.from !== start; step = cameBy.get(step.from)!) cycle.unshift(step.call);
        return [step.call, ...cycle];
      }
    }
  }
  return undefined;
}

function callsOf(block: BlockSection): Call[] {
  const calls: Call[] = [];
  walkBlock(block, (site) => {
    if (site.kind === 'stage') calls.push({ callee: site.callee.text, span: site.span });
    return true;
  });
  return calls;
}
