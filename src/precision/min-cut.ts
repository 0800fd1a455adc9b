interface Arc {
  readonly to: number;
  /** Position of the arc that runs back, among those of `to`. */
  readonly back: number;
  left: number;
}

/** Maximum flow by blocking flows on layered graphs (Dinic 1970). Capacities may be infinite, as long as no path from source to sink is. */
export class FlowNetwork {
  private readonly arcs: Arc[][] = [];

  addNode(): number {
    return this.arcs.push([]) - 1;
  }

  /** An arc, and with `backward` its opposite. */
  addArc(from: number, to: number, capacity: number, backward = 0): void {
    const [out, into] = [this.arcs[from]!, this.arcs[to]!];
    out.push({ to, back: into.length, left: capacity });
    into.push({ to: from, back: out.length - 1, left: backward });
  }

  /** Pushes as much as goes from source to sink; returns how much, and which nodes the source still reaches: its side of a minimum cut. */
  cut(source: number, sink: number): { readonly flow: number; readonly reached: readonly boolean[] } {
    let flow = 0;
    for (;;) {
      const level = this.levels(source);
      if (level[sink] === -1) return { flow, reached: level.map((distance) => distance !== -1) };
      const next = this.arcs.map(() => 0);
      for (
        let pushed = this.push(source, sink, Infinity, level, next);
        pushed > 0;
        pushed = this.push(source, sink, Infinity, level, next)
      ) {
        if (pushed === Infinity) throw new Error('an infinite path joins source and sink: two rules contradict each other');
        flow += pushed;
      }
    }
  }

  private levels(source: number): number[] {
    const level = this.arcs.map(() => -1);
    level[source] = 0;
    const queue = [source];
    for (const node of queue) {
      for (const { to, left } of this.arcs[node]!) {
        if (left <= 0 || level[to] !== -1) continue;
        level[to] = level[node]! + 1;
        queue.push(to);
      }
    }
    return level;
  }

  /** One path of arcs that go one level on; `next` skips the arcs that are known to lead nowhere. */
  private push(node: number, sink: number, limit: number, level: readonly number[], next: number[]): number {
    if (node === sink) return limit;
    const arcs = this.arcs[node]!;
    for (; next[node]! < arcs.length; next[node]! += 1) {
      const arc = arcs[next[node]!]!;
      if (arc.left <= 0 || level[arc.to] !== level[node]! + 1) continue;
      const pushed = this.push(arc.to, sink, Math.min(limit, arc.left), level, next);
      if (pushed === 0) continue;
      arc.left -= pushed;
      this.arcs[arc.to]![arc.back]!.left += pushed;
      return pushed;
    }
    return 0;
  }
}

/** What two formats cost for something that has to be in one of them. Infinite: the format is not allowed. */
export interface FormatCost {
  readonly low: number;
  readonly full: number;
}

/** A value that must be cast once if any reader has another format than its maker. */
export interface SharedCast {
  readonly maker: number;
  readonly readers: readonly number[];
  /** Where the maker is low and some reader full. */
  readonly widen: number;
  /** Where the maker is full and some reader low. */
  readonly narrow: number;
}

export interface FormatProblem {
  readonly units: readonly FormatCost[];
  readonly casts: readonly SharedCast[];
}

/** The cost of a choice; `low[i]` says whether unit i is in the low format. */
export function costOf({ units, casts }: FormatProblem, low: readonly boolean[]): number {
  const own = units.reduce((sum, cost, unit) => sum + (low[unit] ? cost.low : cost.full), 0);
  return casts.reduce((sum, { maker, readers, widen, narrow }) => {
    const differs = readers.some((reader) => low[reader] !== low[maker]);
    return differs ? sum + (low[maker] ? widen : narrow) : sum;
  }, own);
}

/**
 * The cheapest choice of one of two formats for every unit: a minimum cut, so no choice is cheaper. Low units are on the source's side;
 * among equally cheap choices it is the one with the fewest low units. A cast that several readers share is one arc in front of all of
 * them. Throws when no choice is allowed.
 */
export function chooseFormats(problem: FormatProblem): { readonly low: readonly boolean[]; readonly cost: number } {
  const network = new FlowNetwork();
  const [source, sink] = [network.addNode(), network.addNode()];
  const nodes = problem.units.map(() => network.addNode());
  for (const [unit, { low, full }] of problem.units.entries()) {
    if (low === Infinity && full === Infinity) throw new Error(`no format is allowed for unit ${unit}`);
    // What both formats cost anyway cannot be cut away, and would blur the rest.
    const shared = Math.min(low, full);
    network.addArc(source, nodes[unit]!, full - shared);
    network.addArc(nodes[unit]!, sink, low - shared);
  }
  for (const { maker, readers, widen, narrow } of problem.casts) {
    const [widened, narrowed] = [network.addNode(), network.addNode()];
    network.addArc(nodes[maker]!, widened, widen);
    network.addArc(narrowed, nodes[maker]!, narrow);
    for (const reader of readers) {
      network.addArc(widened, nodes[reader]!, Infinity);
      network.addArc(nodes[reader]!, narrowed, Infinity);
    }
  }
  const { reached } = network.cut(source, sink);
  const low = nodes.map((node) => reached[node]!);
  return { low, cost: costOf(problem, low) };
}
