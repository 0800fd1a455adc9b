import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import type { BlockSection, Body, Expr, Stage } from '../parser/ast.js';

interface Call {
  readonly callee: string;
  readonly span: Span;
}

/** Reports every block that calls itself, directly or through others, and returns the names of the blocks on such cycles. */
export function findRecursion(blocks: ReadonlyMap<string, BlockSection>, sink: DiagnosticSink): ReadonlySet<string> {
  const calls = new Map(
    [...blocks].map(([name, block]): [string, readonly Call[]] => [name, callsOf(block.body).filter((call) => blocks.has(call.callee))]),
  );
  const recursive = new Set<string>();
  for (const name of blocks.keys()) {
    if (recursive.has(name)) continue;
    const cycle = findCycle(name, calls);
    if (cycle === undefined) continue;
    for (const call of cycle) recursive.add(call.callee);
    const [first, ...others] = cycle;
    const message =
      others.length === 0
        ? `block \`${name}\` calls itself`
        : `block \`${name}\` calls itself through ${listNames(
            others.map((_, i) => cycle[i].callee),
            'and',
          )}`;
    sink.error('AMP2009', first.span, message, {
      why: 'a block is expanded where it is called, so this would never end',
      fix: 'use `repeat` for layers that come several times',
      related: others.map((call) => ({ span: call.span, message: `which calls \`${call.callee}\`` })),
    });
  }
  return recursive;
}

/** Calls that lead from `start` back to it, the shortest way. */
function findCycle(start: string, calls: ReadonlyMap<string, readonly Call[]>): readonly Call[] | undefined {
  const cameBy = new Map<string, { readonly from: string; readonly call: Call }>();
  const queue = [start];
  for (let at = 0; at < queue.length; at++) {
    const from = queue[at];
    for (const call of calls.get(from) ?? []) {
      if (cameBy.has(call.callee)) continue;
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

function callsOf(body: Body): Call[] {
  const calls: Call[] = [];
  const visitBody = ({ lets, result }: Body): void => {
    for (const item of lets) visitExpr(item.value);
    if (result !== undefined) visitExpr(result);
  };
  const visitExpr = (expr: Expr): void => {
    if (expr.kind === 'pipeline') {
      visitExpr(expr.head);
      visitStages(expr.stages);
    } else if (expr.kind === 'if') {
      for (const branch of expr.branches) visitBody(branch.body);
      if (expr.otherwise !== undefined) visitBody(expr.otherwise);
    } else if (expr.kind === 'group') visitExpr(expr.inner);
  };
  const visitStages = (stages: readonly Stage[]): void => {
    for (const stage of stages) {
      if (stage.kind === 'stage') {
        calls.push({ callee: stage.callee.text, span: stage.span });
        for (const arg of stage.args) visitExpr(arg.value);
      } else if (stage.kind === 'repeat') visitStages(stage.stages);
      else {
        for (const branch of stage.branches) visitStages(branch.stages);
        if (stage.otherwise !== undefined) visitStages(stage.otherwise);
      }
    }
  };
  visitBody(body);
  return calls;
}
