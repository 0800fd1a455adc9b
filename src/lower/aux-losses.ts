import type { DiagnosticSink } from '../diagnostics/sink.js';
import { type AuxLoss, comparesImages } from '../ir/program.js';
import { sameShape } from '../ir/types.js';
import { formatShape } from '../ops/window.js';
import type { AuxLossItem } from '../parser/ast.js';
import { AUX_LOSSES } from './choices/loss.js';
import type { Evaluation } from './evaluation.js';
import { checkLoss } from './loss-classes.js';
import type { LoweredModel } from './model.js';
import type { ModelShapes } from './model-shapes.js';
import { readSetting } from './read-settings.js';
import { AUX_LOSS } from './settings.js';

/** An `aux_loss` line, and what it says. */
export interface WrittenAuxLoss extends AuxLoss {
  readonly item: AuxLossItem;
}

/** The `aux_loss` lines that can be read; what is wrong with the others is reported. */
export function readAuxLosses(items: readonly AuxLossItem[], context: Evaluation): readonly WrittenAuxLoss[] {
  const { sink } = context;
  const seen = new Map<string, AuxLossItem>();
  return items.flatMap((item): WrittenAuxLoss[] => {
    const { name, value, span } = item;
    if (name.text === '') {
      sink.error('AMP2003', name.span, 'this loss is of no value', {
        why: '`loss` is that of the result of the model, and every other one names what it is of',
        fix: 'name a `let` of the model: `aux_loss head cross_entropy(weight: 0.3)`',
      });
      return [];
    }
    const first = seen.get(name.text);
    if (first !== undefined) {
      sink.error('AMP4002', name.span, `\`${name.text}\` has two losses`, {
        why: 'what a step reports has one part for each value',
        fix: 'remove one of the two',
        related: [{ span: first.name.span, message: 'the first one' }],
      });
      return [];
    }
    seen.set(name.text, item);
    const read = readSetting(AUX_LOSS, { name, value, span }, context);
    return read === undefined ? [] : [{ of: name.text, ...AUX_LOSSES[read.word]!.read(read.args, { sink, span }), item }];
  });
}

/** Reports losses of values that have another shape than they take. */
export function checkAuxLosses(
  losses: readonly WrittenAuxLoss[],
  { graph, aux }: LoweredModel,
  shapes: ModelShapes,
  sink: DiagnosticSink,
): void {
  for (const { of, loss, item } of losses) {
    checkLoss(loss, shapes.classes, item.value, sink);
    const value = aux.get(of);
    if (value === undefined) continue;
    const shape = graph.nodes[value.id]!.type.shape.slice(1);
    const expected = comparesImages(loss) ? shapes.image : [shapes.classes];
    if (sameShape(shape, expected)) continue;
    sink.error('AMP3003', item.name.span, `\`${of}\` is ${formatShape(shape)}, and its loss takes ${formatShape(expected)}`, {
      why: comparesImages(loss) ? 'the loss compares it with the image' : 'the loss compares one number per class with the label',
      fix: comparesImages(loss) ? 'bring it to the size and the channels of the image' : `end it with \`linear(${shapes.classes})\``,
      related: [{ span: value.origin, message: `${formatShape(shape)} comes from ${value.source}` }],
    });
  }
}
