import type { AmpBuilder, Stage } from './builder.js';
import type { Value } from './values.js';

/** `conv2d(64, kernel: 3) as conv1`. */
function written({ layer, args, label }: Stage, others: readonly string[]): string {
  let next = 0;
  const texts = args.map((arg) => arg.replace('%', () => others[next++]!));
  const call = texts.length === 0 && layer !== 'param' ? layer : `${layer}(${texts.join(', ')})`;
  return label === undefined ? call : `${call} as ${label}`;
}

/** The body of a model: a name for what is read more than once or as an argument, one pipeline for all else. */
export class Body {
  private readonly reads = new Map<number, number>();
  private readonly names = new Map<number, string>([[0, 'image']]);
  private readonly lines: string[] = [];

  constructor(
    private readonly builder: AmpBuilder,
    private readonly result: Value,
  ) {
    for (const [id, name] of builder.inputs) this.names.set(id, name);
    const seen = new Set<number>();
    const arguments_ = new Set<number>();
    const visit = (id: number): void => {
      this.reads.set(id, (this.reads.get(id) ?? 0) + 1);
      if (id === 0 || seen.has(id)) return;
      seen.add(id);
      const { input, others } = builder.stages[id - 1]!;
      if (input !== undefined) visit(input);
      for (const other of others) {
        arguments_.add(other);
        visit(other);
      }
    };
    visit(result.id);
    for (const id of arguments_) this.reads.set(id, 2);
  }

  /** Labels of the layers that the result needs. */
  get labels(): ReadonlySet<string> {
    return new Set([...this.reads.keys()].flatMap((id) => (id === 0 ? [] : (this.builder.stages[id - 1]!.label ?? []))));
  }

  text(): string {
    let count = 0;
    // In the order in which they were made, every value is there before it is read.
    for (const { id } of this.builder.stages) {
      const reads = this.reads.get(id) ?? 0;
      if (reads < 2 || id === this.result.id || this.names.has(id)) continue;
      const text = this.pipeline(id);
      do count += 1;
      while (this.builder.isTaken(`x${count}`));
      this.names.set(id, `x${count}`);
      this.lines.push(`let x${count} = ${text}`);
    }
    return [...this.lines, this.pipeline(this.result.id)].join('\n');
  }

  private pipeline(id: number): string {
    const stages: string[] = [];
    let at: number | undefined = id;
    while (at !== undefined && (at === id || !this.names.has(at)) && at !== 0) {
      const stage: Stage = this.builder.stages[at - 1]!;
      stages.unshift(
        written(
          stage,
          stage.others.map((other) => this.names.get(other)!),
        ),
      );
      at = stage.input;
    }
    return [...(at === undefined ? [] : [this.names.get(at)!]), ...stages].join(' |> ');
  }
}
