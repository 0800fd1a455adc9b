import type { Span } from '../diagnostics/diagnostic.js';
import { LINES } from '../lower/lines.js';
import type * as ast from '../parser/ast.js';
import { leftSpine } from '../parser/operators.js';

/** What has arguments: a layer, block or function by its name, or the word of a setting. */
export type Owner =
  | { readonly kind: 'callee'; readonly name: string; readonly isStage: boolean }
  | { readonly kind: 'setting'; readonly section: string; readonly setting: string; readonly word: string };

/** Something in a text of which something can be said. Its span is that of the word alone. */
export type Place = { readonly span: Span } & (
  | { readonly kind: 'stage'; readonly stage: ast.CallStage }
  | { readonly kind: 'repeat'; readonly stage: ast.RepeatStage | ast.IfStage }
  | { readonly kind: 'function'; readonly call: ast.CallExpr }
  | { readonly kind: 'argument'; readonly owner: Owner; readonly name: string }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'name'; readonly name: ast.Name; readonly introduces?: 'let' | 'parameter' | 'input' | 'variable' }
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'block' | 'model'; readonly name: string }
  | { readonly kind: 'setting'; readonly section: string; readonly name: string }
  | { readonly kind: 'word'; readonly section: string; readonly setting: string; readonly name: string }
  | { readonly kind: 'pattern'; readonly item: ast.KeepItem | ast.ParameterItem | ast.GroupItem }
  | { readonly kind: 'format'; readonly name: string }
  | { readonly kind: 'dataset'; readonly name: string }
  | { readonly kind: 'path'; readonly path: string }
);

/** Finds the places of a tree, in the order of the text where one stands behind the other. */
export function placesOf({ sections }: ast.AmpFile): readonly Place[] {
  const finder = new Finder();
  for (const section of sections) finder.section(section);
  return finder.places.filter(({ span }) => span.end > span.start).sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end);
}

class Finder {
  readonly places: Place[] = [];

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
          if (item.when !== undefined) this.expr(item.when.epochs);
          break;
        case 'parameter_group':
          this.line(section, LINES[item.kind].word, item.span);
          this.places.push({ kind: 'pattern', item, span: item.pattern.span });
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

  private name(name: ast.Name, introduces?: 'let' | 'parameter' | 'input' | 'variable'): void {
    this.places.push({ kind: 'name', name, span: name.span, ...(introduces && { introduces }) });
  }

  private label(label: ast.Name | undefined): void {
    if (label !== undefined) this.places.push({ kind: 'label', name: label.text, span: label.span });
  }

  private let(item: ast.Let): void {
    for (const name of item.names) this.name(name, 'let');
    this.expr(item.value);
  }

  private body({ lets, lost = [], result }: ast.Body): void {
    for (const item of lets) this.let(item);
    for (const value of lost) this.expr(value);
    if (result !== undefined) this.expr(result);
  }

  private args(args: readonly ast.Arg[], owner: Owner): void {
    for (const { name, value } of args) {
      if (name !== undefined) this.places.push({ kind: 'argument', owner, name: name.text, span: name.span });
      this.expr(value);
    }
  }

  private stage(stage: ast.Stage): void {
    switch (stage.kind) {
      case 'stage':
        this.places.push({ kind: 'stage', stage, span: stage.callee.span });
        this.args(stage.args, { kind: 'callee', name: stage.callee.text, isStage: true });
        this.label(stage.label);
        return;
      case 'repeat':
        this.places.push({ kind: 'repeat', stage, span: { start: stage.span.start, end: stage.span.start + 'repeat'.length } });
        this.iterations(stage.variable, stage.over);
        for (const inner of stage.stages) this.stage(inner);
        this.label(stage.label);
        return;
      case 'if-stage':
        this.places.push({ kind: 'repeat', stage, span: { start: stage.span.start, end: stage.span.start + 'if'.length } });
        for (const branch of stage.branches) {
          this.expr(branch.condition);
          for (const inner of branch.stages) this.stage(inner);
        }
        for (const inner of stage.otherwise ?? []) this.stage(inner);
    }
  }

  private iterations(variable: ast.Name | undefined, over: ast.RepeatOver): void {
    if (variable !== undefined) this.name(variable, 'variable');
    if (over.kind === 'count') this.expr(over.count);
    else if (over.kind === 'each') this.expr(over.list);
    else {
      this.expr(over.from);
      this.expr(over.to);
    }
  }

  private expr(expr: ast.Expr): void {
    switch (expr.kind) {
      case 'number':
      case 'boolean':
      case 'string':
      case 'dataset':
        return;
      case 'name':
        this.name(expr.name);
        return;
      case 'property':
        this.expr(expr.object);
        this.places.push({ kind: 'property', name: expr.name.text, span: expr.name.span });
        return;
      case 'index':
        this.expr(expr.object);
        for (const index of expr.indices) this.expr(index);
        return;
      case 'list':
        for (const item of expr.items) this.expr(item);
        return;
      case 'group':
        this.expr(expr.inner);
        return;
      case 'unary':
        this.expr(expr.operand);
        return;
      case 'binary': {
        const { first, rest } = leftSpine(expr);
        this.expr(first);
        for (const { right } of rest) this.expr(right);
        return;
      }
      case 'call':
        this.places.push({ kind: 'function', call: expr, span: expr.callee.span });
        this.args(expr.args, { kind: 'callee', name: expr.callee.text, isStage: false });
        this.label(expr.label);
        return;
      case 'share':
        this.stage(expr.stage);
        return;
      case 'collect':
        this.iterations(expr.variable, expr.over);
        this.body(expr.body);
        this.label(expr.label);
        return;
      case 'if':
        for (const { condition, body } of expr.branches) {
          this.expr(condition);
          this.body(body);
        }
        if (expr.otherwise !== undefined) this.body(expr.otherwise);
        return;
      case 'pipeline':
        this.expr(expr.head);
        for (const inner of expr.stages) this.stage(inner);
    }
  }
}
