import type { AmpFile, Body, Expr, Name, Stage } from '../parser/ast.js';

export interface VisibleName {
  readonly name: string;
  /** `shared`: a layer that several uses have in common, which is applied. */
  readonly kind: 'constant' | 'shared' | 'value' | 'parameter' | 'input' | 'variable';
}

class Scope {
  readonly found: VisibleName[] = [];

  constructor(private readonly offset: number) {}

  private has({ start, end }: { readonly start: number; readonly end: number }): boolean {
    return start <= this.offset && this.offset <= end;
  }

  add(kind: VisibleName['kind'], ...names: readonly (Name | undefined)[]): void {
    for (const name of names) if (name !== undefined && name.text !== '') this.found.push({ name: name.text, kind });
  }

  /** Values of a body that stand before the place, and those of what it is in. */
  body({ lets, lost = [], result, span }: Body): void {
    if (!this.has(span)) return;
    for (const item of lets) {
      if (item.span.end < this.offset && !this.has(item.value.span))
        this.add(item.value.kind === 'share' ? 'shared' : 'value', ...item.names);
      else this.expr(item.value);
    }
    for (const value of [...lost, ...(result === undefined ? [] : [result])]) this.expr(value);
  }

  private expr(expr: Expr): void {
    if (!this.has(expr.span)) return;
    switch (expr.kind) {
      case 'pipeline':
        this.expr(expr.head);
        this.stages(expr.stages);
        return;
      case 'if':
        for (const { body } of expr.branches) this.body(body);
        if (expr.otherwise !== undefined) this.body(expr.otherwise);
        return;
      case 'collect':
        this.add('variable', expr.variable);
        this.body(expr.body);
        return;
      case 'group':
        this.expr(expr.inner);
        return;
      case 'list':
        for (const item of expr.items) this.expr(item);
        return;
      case 'call':
        for (const { value } of expr.args) this.expr(value);
        return;
      default:
    }
  }

  private stages(stages: readonly Stage[]): void {
    for (const stage of stages) {
      if (!this.has(stage.span)) continue;
      if (stage.kind === 'stage') for (const { value } of stage.args) this.expr(value);
      else if (stage.kind === 'repeat') {
        this.add('variable', stage.variable);
        this.stages(stage.stages);
      } else {
        for (const branch of stage.branches) this.stages(branch.stages);
        this.stages(stage.otherwise ?? []);
      }
    }
  }
}

/** The values that have a name at an offset, the nearest last. */
export function visibleNames({ sections }: AmpFile, offset: number): readonly VisibleName[] {
  const scope = new Scope(offset);
  for (const section of sections) if (section.kind === 'let' && section.span.end < offset) scope.add('constant', ...section.names);
  for (const section of sections) {
    if (!('body' in section) || offset < section.span.start || offset > section.span.end) continue;
    if (section.kind === 'block') scope.add('parameter', ...section.params.map(({ name }) => name));
    else scope.add('input', ...section.inputs.map(({ name }) => name));
    scope.body(section.body);
  }
  return scope.found;
}
