import type { Diagnostic } from '../diagnostics/diagnostic.js';
import { didYouMean, type Fix } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import { matchesLayer } from '../ir/pattern.js';
import { LOSS_KINDS } from '../ir/program.js';
import type { Graph } from '../ir/types.js';
import { isOpName } from '../ops/index.js';
import type { KeepItem } from '../parser/ast.js';
import { type LoweredGraphs, UNREAD } from './check-parameter-lines.js';

/** Reports `keep` lines that name neither an op nor a layer of the model. */
export function checkKeepLines(pins: readonly KeepItem[], { graph, whole }: LoweredGraphs, sink: DiagnosticSink): void {
  if (pins.length === 0) return;
  const layersOf = ({ nodes }: Graph) => [...new Set(nodes.map((node) => node.layer).filter((layer) => layer !== ''))];
  const layers = layersOf(graph);
  const ops = [...new Set(graph.nodes.map((node) => node.op)), ...LOSS_KINDS];
  for (const item of pins) {
    const { pattern } = item;
    const { text } = pattern;
    if (text === '' || isOpName(text) || layers.some((layer) => matchesLayer(text, layer))) continue;
    if (layersOf(whole).some((layer) => matchesLayer(text, layer))) {
      sink.error('AMP4008', pattern.span, `\`${text}\` is no part of the model`, UNREAD);
      continue;
    }
    sink.error('AMP4008', pattern.span, `\`${text}\` matches no op and no layer of the model`, pinHelp(item, [...ops, ...layers], layers));
  }
}

function pinHelp({ pattern, quoted }: KeepItem, names: readonly string[], layers: readonly string[]): Pick<Diagnostic, 'why'> & Fix {
  const why = 'a pin that matches nothing would protect nothing';
  const near = closest(pattern.text, names);
  if (near !== undefined) return { why, ...didYouMean(pattern.span, quoted || /\W/.test(near) ? `"${near}"` : near, near) };
  return { why, fix: `name an op such as \`cross_entropy\`, or a layer: ${listNames(layers.slice(0, 8), 'and')}` };
}
