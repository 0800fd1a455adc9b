import { type Source, UserError } from '../diagnostics/diagnostic.js';
import type { KeepItem, Section, TrainSection } from './ast.js';
import { type Doc, hardline, printDoc, wideLine } from './doc.js';
import { ExpressionPrinter } from './expression-printer.js';
import { parseAmp } from './parse.js';
import { TokenCursor } from './token-cursor.js';

const WIDTH = 100;

/**
 * The text in the standard style: two spaces, pipelines broken where the author broke them and where a line would get longer
 * than 100 columns, comments kept. Formatting twice changes nothing. Throws UserError when the text has syntax errors.
 */
export function formatAmp(input: Source | string): string {
  const source: Source = typeof input === 'string' ? { path: '<input>', text: input } : input;
  const { text } = source;
  const { file, diagnostics, tokens, comments } = parseAmp(text);
  if (diagnostics.some((d) => d.severity === 'error')) throw new UserError(diagnostics, source);
  const cursor = new TokenCursor(text, tokens, comments);
  const printer = new Printer(cursor);
  const sections: Doc[] = file.sections.map((section, i) => {
    const joined = i > 0 && (section.kind === 'let' || section.kind === 'use') && file.sections[i - 1]!.kind === section.kind;
    const lead = cursor.lead(i === 0 ? 'none' : joined ? 'keep' : 'blank');
    return [i === 0 ? '' : hardline, lead, printer.section(section)];
  });
  const end = cursor.lead(file.sections.length === 0 ? 'none' : 'keep');
  const printed = printDoc([sections, hardline, end], WIDTH);
  return printed.trim() === '' ? '' : printed;
}

/** Prints the sections of a file, each token as it stands in the text. */
class Printer extends ExpressionPrinter {
  section(section: Section): Doc {
    switch (section.kind) {
      case 'let':
        return this.let(section);
      case 'use':
        return [this.take('use'), ' ', this.take()];
      case 'dataset': {
        const head: Doc = [this.take('dataset'), ' ', this.take(), section.args === undefined ? '' : this.args(section.args)];
        return this.cursor.peek() === '{' ? [head, ' ', this.settings(section.items)] : head;
      }
      case 'precision':
      case 'train':
        return [this.take(section.kind), ' ', this.settings(section.items)];
      case 'model': {
        const head: Doc[] = [this.take('model'), ' ', this.take()];
        const inputs = section.inputs.map((input) => (): Doc => [this.take(), this.take(':'), ' ', this.expr(input.shape)]);
        head.push(this.brackets('(', inputs, ')'), ' ', this.take('->'), ' ', this.expr(section.output), ' ');
        return [head, this.body(section.body, true)];
      }
      case 'block': {
        const head: Doc[] = [this.take('block'), ' ', this.take()];
        const params = section.params.map((param) => (): Doc => {
          const name = this.take();
          return param.default === undefined ? name : [name, ' ', this.take('='), ' ', this.expr(param.default)];
        });
        head.push(this.brackets('(', params, ')'), ' ');
        return [head, this.body(section.body, false)];
      }
    }
  }

  private settings(items: readonly (KeepItem | TrainSection['items'][number])[]): Doc {
    const broken = this.cursor.breaksAfterNext();
    const open = this.take('{');
    const content = items.map((item, i): Doc => {
      const lead = this.cursor.lead(i === 0 ? 'none' : 'keep');
      return [i === 0 ? '' : broken ? hardline : wideLine, lead, this.setting(item)];
    });
    return this.braced(open, content, items.length === 0, broken);
  }

  private setting(item: KeepItem | TrainSection['items'][number]): Doc {
    if (item.kind === 'keep') return [this.take('keep'), ' ', this.take(), ' ', this.take('in'), ' ', this.take()];
    if (item.kind === 'parameter_group') {
      const of: Doc = [this.take('group'), ' ', this.take()];
      const within: Doc = item.within === undefined ? '' : [' ', this.take('in'), ' ', this.take()];
      return [of, within, ' ', this.settings(item.items)];
    }
    if (item.kind !== 'setting') {
      const head: Doc = [this.take(item.kind), ' ', this.take()];
      if (item.kind === 'freeze' && item.when !== undefined) {
        const { kind, count, unit } = item.when;
        return [head, ' ', this.take(kind), ' ', this.expr(count), ...(unit === 'steps' ? [' ', this.take(unit)] : [])];
      }
      return item.value === undefined ? head : [head, ' ', this.expr(item.value)];
    }
    if (item.value.span.start === item.span.start) return this.expr(item.value);
    return [this.take(), ' ', this.expr(item.value)];
  }
}
