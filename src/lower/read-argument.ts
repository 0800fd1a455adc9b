import { listNames } from '../diagnostics/suggest.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { ArgValue, LayerParam } from '../ops/layer.js';
import type { Expr } from '../parser/ast.js';
import { convertLayerArg, convertSettingArg, describeWords } from './convert.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import { isNoInitializer } from './functions.js';
import type { Taken } from './names.js';
import type { SettingParam, SettingValue } from './setting.js';

/** What an argument takes in the place of a name, where that is known: words of its own, an initializer, or text. */
export function takenBy(owner: string, param: SettingParam | LayerParam): Taken | undefined {
  const label = `\`${param.name}\` of \`${owner}\``;
  if (param.kind === 'text') return { what: `${label} is text, and that stands in quotes`, isText: true };
  if (param.kind === 'init')
    return { what: `${label} is an initializer: ${listNames(Object.keys(INITIALIZERS))}`, words: Object.keys(INITIALIZERS) };
  const what = describeWords(owner, param);
  return what === undefined ? undefined : { what, ...(param.words && { words: param.words }) };
}

/** An argument of a setting, as it is written. Undefined: what is wrong is reported. */
export function readArgument(owner: string, param: SettingParam, expr: Expr, context: Evaluation): SettingValue | undefined {
  const { names, sink } = context;
  if (expr.kind === 'name') names.meaningOf(expr.name, takenBy(owner, param));
  // `photos.npz` and `data/photos` would be taken for a property and a quotient.
  if (param.kind === 'text' && (expr.kind === 'property' || expr.kind === 'binary')) {
    sink.error('AMP4004', expr.span, `\`${param.name}\` of \`${owner}\` is text, and that stands in quotes`, {
      why: `\`${param.name}\`: ${param.doc}`,
      fix: `put quotes around it: \`${owner}("…")\``,
    });
    return undefined;
  }
  return convertSettingArg(owner, param, evaluate(expr, context), expr.span, sink);
}

/** As `readArgument`, of what takes arguments as layers do. */
export function readLayerArgument(owner: string, param: LayerParam, expr: Expr, context: Evaluation): ArgValue | undefined {
  if (isNoInitializer(expr, param, context.sink)) return undefined;
  if (expr.kind === 'name') context.names.meaningOf(expr.name, takenBy(owner, param));
  return convertLayerArg(owner, param, evaluate(expr, context), expr.span, context.sink);
}
