import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { Body, Name, Stage } from '../parser/ast.js';
import { type Site, walkBody, walkStages } from '../parser/walk.js';

/** Names of the layers of one model, block call or iteration. They become the names of weights: `stage1.0.conv1.weight`. */
export class LayerPath {
  private readonly prefix: string;
  private readonly reserved: ReadonlySet<string>;
  private readonly used = new Map<string, Span>();
  private readonly counters = new Map<string, number>();

  /** `reserved`: the labels written in the text, which automatic names avoid. */
  constructor(prefix: string, reserved: ReadonlySet<string>) {
    this.prefix = prefix;
    this.reserved = reserved;
  }

  /** Full path of a layer: its label, or its kind with a counter (`conv2d_1`). Reports a label that is taken. */
  child(label: Name | undefined, kind: string, sink: DiagnosticSink): string {
    if (label === undefined || label.text === '') return this.join(this.automatic(kind));
    const first = this.used.get(label.text);
    if (first !== undefined) {
      sink.error('AMP2007', label.span, `two layers are named \`${label.text}\``, {
        why: 'the name of a layer becomes the name of its weights',
        fix: 'give one of them another name',
        related: [{ span: first, message: 'the first one' }],
      });
      return this.join(this.automatic(label.text));
    }
    this.used.set(label.text, label.span);
    return this.join(label.text);
  }

  private automatic(kind: string): string {
    for (;;) {
      const count = (this.counters.get(kind) ?? 0) + 1;
      this.counters.set(kind, count);
      const name = `${kind}_${count}`;
      if (!this.reserved.has(name)) return name;
    }
  }

  private join(name: string): string {
    return this.prefix === '' ? name : `${this.prefix}.${name}`;
  }
}

const cache = new WeakMap<Body | readonly Stage[], ReadonlySet<string>>();

/**
 * Labels that belong to the path of a body or of the stages of an iteration; those within a `repeat` or `collect` belong to its iterations.
 */
export function labelsOf(part: Body | readonly Stage[]): ReadonlySet<string> {
  const known = cache.get(part);
  if (known !== undefined) return known;
  const labels = new Set<string>();
  const visit = (site: Site): boolean => {
    if (site.kind !== 'if-stage' && site.label !== undefined) labels.add(site.label.text);
    return site.kind !== 'repeat' && site.kind !== 'collect';
  };
  if ('lets' in part) walkBody(part, visit);
  else walkStages(part, visit);
  cache.set(part, labels);
  return labels;
}
