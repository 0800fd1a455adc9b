import type { Augmentation } from '../../datasets/augmentation.js';
import { type Words, word } from '../setting.js';

const fill = {
  kind: 'word',
  words: ['zero', 'reflect'],
  default: 'zero',
  doc: 'what lies beyond the edges; one `reflect` holds for all shifts of an image',
} as const;
const chance = (value: number) => ({ kind: 'number', default: value, min: 0, max: 1, doc: 'probability' }) as const;
const strength = (what: string) =>
  ({ kind: 'number', default: 0.4, min: 0, max: 10, doc: `${what}, by a factor from 1 minus it, but not below 0, to 1 plus it` }) as const;

const ALPHA = {
  kind: 'number',
  min: 0.01,
  max: 100,
  doc: 'of the distribution of the shares: near 0 one image or the other, 1 all alike',
} as const;
const PROBABILITY = { kind: 'number', default: 1, min: 0, max: 1, doc: 'share of the images that are changed' } as const;

/** In the order in which they change an image, whatever the order of the file. */
export const AUGMENTATIONS = {
  flip: word(
    'mirrors each training image with probability one half',
    {
      direction: {
        kind: 'word',
        words: ['horizontal', 'vertical', 'both'],
        default: 'horizontal',
        doc: 'left to right, upside down, or each by itself',
      },
      alternating: {
        kind: 'boolean',
        default: false,
        doc: 'true: drawn once for each image, which is then mirrored in every other epoch (Jordan 2024)',
      },
    },
    ({ direction, alternating }) => ({
      kind: 'flip',
      ...(direction !== 'horizontal' && { direction }),
      ...(alternating && { alternating: true }),
    }),
  ),
  crop: word(
    'pads each training image and cuts it back at a random place',
    { padding: { kind: 'int', default: 4, min: 1, max: 64, doc: 'pixels on each side' }, fill },
    ({ padding, fill: beyond }) => ({ kind: 'crop', padding, ...(beyond === 'reflect' && { fill: beyond }) }),
  ),
  translate: word(
    'moves each training image by a random number of pixels, down or up and right or left',
    { pixels: { kind: 'int', default: 4, min: 1, max: 64, doc: 'at most so many each way' }, fill },
    ({ pixels, fill: beyond }) => ({ kind: 'translate', pixels, ...(beyond === 'reflect' && { fill: beyond }) }),
  ),
  random_resized_crop: word(
    'takes a random window of each training image, resized to its size (Szegedy et al. 2015)',
    {
      scale: { kind: 'number', default: 0.08, above: 0, max: 1, doc: 'least share of the area' },
      ratio: { kind: 'number', default: 1.3333, min: 1, max: 10, doc: 'largest ratio of its sides, either way' },
    },
    ({ scale, ratio }) => ({ kind: 'random_resized_crop', scale, ratio }),
  ),
  rotate: word(
    'turns each training image about its centre; what is not there becomes the mean of `normalize`',
    { degrees: { kind: 'number', default: 15, above: 0, max: 180, doc: 'at most so far either way' } },
    ({ degrees }) => ({ kind: 'rotate', degrees }),
  ),
  color_jitter: word(
    'changes brightness, contrast, saturation and hue of each training image, in an order drawn for each',
    {
      brightness: strength('of all values'),
      contrast: strength('of their distance to the mean grey'),
      saturation: strength('of their distance to the grey of the pixel; of images with three channels'),
      hue: {
        kind: 'number',
        default: 0,
        min: 0,
        max: 0.5,
        doc: 'turned by up to so much of the circle of HSV either way; of images with three channels',
      },
    },
    ({ hue, ...factors }) => ({ kind: 'color_jitter', ...factors, ...(hue > 0 && { hue }) }),
  ),
  grayscale: word('takes the colours from training images', { p: chance(0.1) }, ({ p }) => ({ kind: 'grayscale', p })),
  auto_contrast: word('stretches each channel of training images over all values', { p: chance(0.5) }, ({ p }) => ({
    kind: 'auto_contrast',
    p,
  })),
  rand_augment: word(
    'makes `n` of 14 changes to each training image at one strength (Cubuk et al. 2020, as torchvision; what is not there becomes the ' +
      'mean)',
    {
      n: { kind: 'int', default: 2, min: 1, max: 8, doc: 'changes, one after another' },
      magnitude: { kind: 'int', default: 9, min: 0, max: 30, doc: 'strength, of 30' },
    },
    ({ n, magnitude }) => ({ kind: 'rand_augment', n, magnitude }),
  ),
  trivial_augment: word('makes one of 14 changes to each training image, at a random strength (Müller and Hutter 2021)', {}, () => ({
    kind: 'trivial_augment',
  })),
  cutout: word(
    'blanks a square around a random pixel of each training image with the mean of `normalize` (DeVries and Taylor 2017)',
    { size: { kind: 'int', default: 16, min: 1, max: 1024, doc: 'its side in pixels; what reaches beyond the image is cut off' } },
    ({ size }) => ({ kind: 'cutout', size }),
  ),
  random_erasing: word(
    'blanks a rectangle of 2 to 33 % of the area of training images with the mean of `normalize` (Zhong et al. 2020)',
    { p: chance(0.5) },
    ({ p }) => ({ kind: 'random_erasing', p }),
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
