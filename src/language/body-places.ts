import type * as ast from '../parser/ast.js';
import { leftSpine } from '../parser/operators.js';
import type { Owner, Place } from './place.js';

/** Finds the places of bodies and expressions. */
export abstract class BodyPlaces {
  readonly places: Place[] = [];

  protected name(name: ast.Name, introduces?: 'let' | 'parameter' | 'input' | 'variable'): void {
    this.places.push({ kind: 'name', name, span: name.span, ...(introduces && { introduces }) });
  }

  protected label(label: ast.Name | undefined): void {
    if (label !== undefined) this.places.push({ kind: 'label', name: label.text, span: label.span });
  }

  protected let(item: ast.Let): void {
    for (const name of item.names) this.name(name, 'let');
    this.expr(item.value);
  }

  protected body({ lets, lost = [], result }: ast.Body): void {
    for (const item of lets) this.let(item);
    for (const value of lost) this.expr(value);
    if (result !== undefined) this.expr(result);
  }

  protected args(args: readonly ast.Arg[], owner: Owner): void {
    for (const { name, value } of args) {
      if (name !== undefined) this.places.push({ kind: 'argument', owner, name: name.text, span: name.span });
      this.expr(value);
    }
  }

  protected stage(stage: ast.Stage): void {
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

  protected iterations(variable: ast.Name | undefined, over: ast.RepeatOver): void {
    if (variable !== undefined) this.name(variable, 'variable');
    if (over.kind === 'count') this.expr(over.count);
    else if (over.kind === 'each') this.expr(over.list);
    else {
      this.expr(over.from);
      this.expr(over.to);
    }
  }

  protected expr(expr: ast.Expr): void {
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
