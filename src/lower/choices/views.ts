import type { ViewsSpec } from '../../ir/views.js';
import { type Words, word } from '../setting.js';

export const VIEWS = {
  average: word(
    'the mean of what the model results in for several views of each image, before any softmax',
    {
      flip: { kind: 'boolean', default: false, doc: 'each view mirrored as well, with the same weight' },
      translate: {
        kind: 'int',
        default: 0,
        min: 0,
        max: 64,
        doc: 'pixels: the image counts half, moved by so many down and right, and up and left, a quarter each; mirrored at its edges',
      },
    },
    ({ flip, translate }, { sink, span }) => {
      if (!flip && translate === 0)
        sink.error('AMP4009', span, '`evaluate average` has nothing to average', {
          why: 'without `flip` and `translate` there is one view, the image itself',
          fix: 'write `evaluate average(flip: true)`, or leave it out',
        });
      return { kind: 'average', flip, translate };
    },
  ),
} satisfies Words<ViewsSpec>;
