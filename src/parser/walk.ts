import type { BlockSection, Body, CallExpr, CollectExpr, Expr, Stage } from './ast.js';
import { leftSpine } from './operators.js';

/** What may have a label: it applies a layer, or holds what does. */
export type Site = Stage | CallExpr | CollectExpr;

/** What is told of each site, in the order of the text: the result says whether to go on with what stands inside it. */
export type SiteVisitor = (site: Site) => boolean;

/** The defaults of its parameters and its body. */
export function walkBlock({ params, body }: BlockSection, visit: SiteVisitor): void {
  for (const param of params) if (param.default !== undefined) walkExpr(param.default, visit);
  walkBody(body, visit);
}

export function walkBody({ lets, lost = [], result }: Body, visit: SiteVisitor): void {
  for (const item of lets) walkExpr(item.value, visit);
  for (const value of lost) walkExpr(value, visit);
  if (result !== undefined) walkExpr(result, visit);
}

export function walkStages(stages: readonly Stage[], visit: SiteVisitor): void {
  for (const stage of stages) {
    if (!visit(stage)) continue;
    switch (stage.kind) {
      case 'stage':
        for (const arg of stage.args) walkExpr(arg.value, visit);
        break;
      case 'repeat':
        walkStages(stage.stages, visit);
        break;
      case 'if-stage':
        for (const branch of stage.branches) walkStages(branch.stages, visit);
        if (stage.otherwise !== undefined) walkStages(stage.otherwise, visit);
        break;
    }
  }
}

function walkExpr(expr: Expr, visit: SiteVisitor): void {
  switch (expr.kind) {
    case 'number':
    case 'boolean':
    case 'string':
    case 'name':
    case 'dataset':
      return;
    case 'property':
      walkExpr(expr.object, visit);
      return;
    case 'index':
      walkExpr(expr.object, visit);
      for (const index of expr.indices) walkExpr(index, visit);
      return;
    case 'group':
      walkExpr(expr.inner, visit);
      return;
    case 'unary':
      walkExpr(expr.operand, visit);
      return;
    case 'binary': {
      const { first, rest } = leftSpine(expr);
      walkExpr(first, visit);
      for (const { right } of rest) walkExpr(right, visit);
      return;
    }
    case 'list':
      for (const item of expr.items) walkExpr(item, visit);
      return;
    case 'call':
      if (visit(expr)) for (const arg of expr.args) walkExpr(arg.value, visit);
      return;
    case 'share':
      walkStages([expr.stage], visit);
      return;
    case 'collect':
      if (visit(expr)) walkBody(expr.body, visit);
      return;
    case 'if':
      for (const branch of expr.branches) walkBody(branch.body, visit);
      if (expr.otherwise !== undefined) walkBody(expr.otherwise, visit);
      return;
    case 'pipeline':
      walkExpr(expr.head, visit);
      walkStages(expr.stages, visit);
      return;
  }
}
