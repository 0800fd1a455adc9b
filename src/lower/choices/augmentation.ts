import type { Augmentation } from '../../datasets/augmentation.js';
import { type Words, word } from '../setting.js';

const ALPHA = {
  kind: 'number',
  min: 0.01,
  max: 100,
  doc: 'of the distribution of the shares: near 0 one image or the other, 1 all alike',
} as const;
const PROBABILITY = { kind: 'number', default: 1, min: 0, max: 1, doc: 'share of the images that are changed' } as const;

export const AUGMENTATIONS = {
  flip: word('mirrors each training image left to right with probability one half', {}, () => ({ kind: 'flip' })),
  crop: word(
    'pads each training image with zeros and cuts it back at a random place',
    { padding: { kind: 'int', default: 4, min: 1, max: 16, doc: 'pixels on each side' } },
    ({ padding }) => ({ kind: 'crop', padding }),
  ),
  mixup: word(
    'joins each training image with the next one of the epoch, pixels and labels, by weights of Beta(alpha, alpha)',
    { alpha: { ...ALPHA, default: 0.2 }, probability: PROBABILITY },
    ({ alpha, probability }) => ({ kind: 'mixup', alpha, probability }),
  ),
  cutmix: word(
    'puts a window of the next image of the epoch into each training image; labels count by their shares of the pixels',
    { alpha: { ...ALPHA, default: 1 }, probability: PROBABILITY },
    ({ alpha, probability }) => ({ kind: 'cutmix', alpha, probability }),
  ),
} satisfies Words<Augmentation>;
