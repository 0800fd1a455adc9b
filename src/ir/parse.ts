import { userError } from '../diagnostics/diagnostic.js';
import { GraphBuilder } from './builder.js';
import { LineReader } from './line-reader.js';
import { isState } from './structure.js';
import type { Attr, Attrs, Graph, Loc, Node, ValueId } from './types.js';
import { parseWhy, type Why } from './why.js';

/** A graph under construction from text, with the values named so far. */
export class GraphReader {
  private readonly builder = new GraphBuilder();
  private readonly ids = new Map<string, ValueId>();
  private readonly whys = new Map<string, Why>();
  private outputNames: [string, string][] = [];
  private name = '';

  get nodes(): readonly Node[] {
    return this.builder.nodes;
  }

  lookup(reader: LineReader, name: string): ValueId {
    return this.ids.get(name) ?? reader.failToken(`a value defined above, not ${name}`);
  }

  /**
   * `fn NAME(%input: type, ...) -> (name: %value, ...)`; leaves the reader behind the last parenthesis. NAME is one of `names`, if given.
   */
  signature(reader: LineReader, names?: readonly string[]): void {
    reader.expect('fn');
    this.name = names === undefined ? reader.word() : reader.oneOf(names);
    reader.expect('(');
    while (!reader.accept(')')) {
      if (this.nodes.length > 0) reader.expect(',');
      const value = reader.valueName();
      reader.expect(':');
      this.define(reader, value, { op: 'input', inputs: [], attrs: { name: value.slice(1) }, type: reader.type(), layer: '' });
    }
    reader.expect('->');
    reader.expect('(');
    while (!reader.accept(')')) {
      if (this.outputNames.length > 0) reader.expect(',');
      const key = reader.word();
      reader.expect(':');
      this.outputNames.push([key, reader.valueName()]);
    }
  }

  /** One node line; answers the node and its arena offset, if printed. */
  node(reader: LineReader): { readonly id: ValueId; readonly offset: number | undefined } {
    const value = reader.valueName();
    reader.expect('=');
    const op = reader.op();
    const inputs: ValueId[] = [];
    while (reader.peek(/ *,? *%/)) {
      reader.accept(',');
      inputs.push(this.lookup(reader, reader.valueName()));
    }
    const attrs = new Map<string, Attr>(isState({ op }) ? [['name', value.slice(1)]] : []);
    if (reader.accept('{')) {
      for (let first = true; !reader.accept('}'); first = false) {
        if (!first) reader.expect(',');
        const key = reader.word();
        reader.expect('=');
        if (attrs.has(key) && !(isState({ op }) && key === 'name')) reader.failToken(`a new attribute, ${key} is given twice`);
        attrs.set(key, reader.attr());
      }
    }
    reader.expect(':');
    const type = reader.type();
    const offset = reader.accept('@') ? reader.integer() : undefined;
    const notes = this.notes(reader);
    const id = this.define(reader, value, { op, inputs, attrs: Object.fromEntries(attrs) as Attrs, type, ...notes });
    return { id, offset };
  }

  private notes(reader: LineReader): Pick<Node, 'layer' | 'loc' | 'why' | 'gradOf' | 'updateOf'> {
    const gradOf = reader.accept('grad_of=') ? this.lookup(reader, reader.valueName()) : undefined;
    const updateOf = reader.accept('update_of=') ? this.lookup(reader, reader.valueName()) : undefined;
    const layer = reader.accept('layer=') ? reader.string() : '';
    const why = reader.accept('why=') ? this.why(reader.string()) : undefined;
    let loc: Loc | undefined;
    if (reader.accept('loc(')) {
      const line = reader.integer();
      reader.expect(':');
      loc = { line, column: reader.integer() };
      reader.expect(')');
    }
    if (!reader.atEnd()) reader.fail('the end of the line');
    return { layer, loc, why, gradOf, updateOf };
  }

  private why(text: string): Why {
    const known = this.whys.get(text) ?? parseWhy(text);
    this.whys.set(text, known);
    return known;
  }

  private define(reader: LineReader, value: string, node: Omit<Node, 'id'>): ValueId {
    if (this.ids.has(value)) reader.failToken(`a new name, ${value} is defined twice`);
    const id = this.builder.add(node);
    this.ids.set(value, id);
    return id;
  }

  finish(reader: LineReader): Graph {
    const outputs = Object.fromEntries(this.outputNames.map(([key, value]) => [key, this.lookup(reader, value)]));
    return this.builder.finish(this.name, outputs);
  }
}

/** Reads the text form of one graph. Throws UserError AMP5001 with the line and column of the first mistake. */
export function parseGraph(text: string): Graph {
  const lines = text.split('\n').map((line, index) => new LineReader(line, index + 1));
  const body = lines.filter((reader) => !reader.atEnd());
  const graph = new GraphReader();
  const [first, ...rest] = body;
  if (first === undefined) throw userError('AMP5001', 'plan text is empty', undefined, 'give the text that `ampc plan --dump` printed');
  graph.signature(first);
  first.expect('{');
  for (const reader of rest) {
    if (reader.accept('}')) return graph.finish(reader);
    graph.node(reader);
  }
  return rest.at(-1)?.fail('"}"') ?? first.fail('"}"');
}
