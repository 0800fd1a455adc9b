import type { Span } from '../diagnostics/diagnostic.js';
import { LINES } from '../lower/lines.js';
import type * as ast from '../parser/ast.js';
import { BodyPlaces } from './body-places.js';
import type { Place } from './place.js';

/** Finds the places of a tree, in the order of the text where one stands behind the other. */
export function placesOf({ sections }: ast.AmpFile): readonly Place[] {
  const finder = new Finder();
  for (const section of sections) finder.section(section);
  return finder.places.filter(({ span }) => span.end > span.start).sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end);
}

class Finder extends BodyPlaces {
  section(section: ast.Section): void {
    switch (section.kind) {
      case 'use':
        this.places.push({ kind: 'path', path: section.path.text, span: section.path.span });
        return;
      case 'let':
        this.let(section);
        return;
      case 'block':
        this.places.push({ kind: 'block', name: section.name.text, span: section.name.span });
        for (const param of section.params) {
          this.name(param.name, 'parameter');
          if (param.default !== undefined) this.expr(param.default);
        }
        this.body(section.body);
        return;
      case 'model':
        this.places.push({ kind: 'model', name: section.name.text, span: section.name.span });
        for (const input of section.inputs) {
          this.name(input.name, 'input');
          this.expr(input.shape);
        }
        this.expr(section.output);
        this.body(section.body);
        return;
      case 'dataset':
        this.places.push({ kind: 'dataset', name: section.name.text, span: section.name.span });
        this.args(section.args ?? [], { kind: 'setting', section: 'dataset', setting: section.name.text, word: section.name.text });
        this.items(section.kind, section.items);
        return;
      default:
        this.items(section.kind, section.items);
    }
  }

  private items(section: string, items: readonly (ast.SettingItem | ast.KeepItem | ast.TrainSection['items'][number])[]): void {
    for (const item of items) {
      switch (item.kind) {
        case 'setting':
          this.places.push({ kind: 'setting', section, name: item.name.text, span: item.name.span });
          if (item.value.span.start === item.span.start) this.callArgs(item.value, section, item.name.text);
          else this.value(item.value, section, item.name.text);
          break;
        case 'keep':
          this.line(section, item.kind, item.span);
          this.places.push({ kind: 'pattern', item, span: item.pattern.span });
          this.places.push({ kind: 'format', name: item.format.text, span: item.format.span });
          break;
        case 'init':
        case 'freeze':
          this.line(section, item.kind, item.span);
          this.places.push({ kind: 'pattern', item, span: item.pattern.span });
          if (item.value !== undefined) this.expr(item.value);
          if (item.when !== undefined) {
            this.places.push({ kind: 'keyword', name: item.when.kind, span: item.when.span });
            this.expr(item.when.count);
          }
          break;
        case 'parameter_group':
          this.line(section, LINES[item.kind].word, item.span);
          this.places.push({ kind: 'pattern', item, span: item.pattern.span });
          if (item.within !== undefined) this.places.push({ kind: 'pattern', item, within: item.within, span: item.within.span });
          this.items(LINES[item.kind].word, item.items);
          break;
        case 'aux_loss':
          this.line(section, item.kind, item.span);
          if (item.name.text !== '') this.name(item.name);
          this.value(item.value, section, item.kind);
          break;
      }
    }
  }

  private line(section: string, name: string, { start }: Span): void {
    this.places.push({ kind: 'setting', section, name, span: { start, end: start + name.length } });
  }

  /** The value of a setting: a word that may have arguments, or anything. */
  private value(expr: ast.Expr, section: string, setting: string): void {
    const word = expr.kind === 'name' ? expr.name : expr.kind === 'call' ? expr.callee : undefined;
    if (word === undefined) {
      this.expr(expr);
      return;
    }
    this.places.push({ kind: 'word', section, setting, name: word.text, span: word.span });
    this.callArgs(expr, section, setting, word.text);
  }

  private callArgs(expr: ast.Expr, section: string, setting: string, word = setting): void {
    if (expr.kind === 'call') this.args(expr.args, { kind: 'setting', section, setting, word });
  }
}
