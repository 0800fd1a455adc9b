import type { Augmentation } from '../../datasets/augmentation.js';
import { type Words, word } from '../setting.js';

export const AUGMENTATIONS = {
  flip: word('mirrors each training image left to right with probability one half', {}, () => ({ kind: 'flip' })),
  crop: word(
    'pads each training image with zeros and cuts it back at a random place',
    { padding: { kind: 'int', default: 4, min: 1, max: 16, doc: 'pixels on each side' } },
    ({ padding }) => ({ kind: 'crop', padding }),
  ),
} satisfies Words<Augmentation>;
