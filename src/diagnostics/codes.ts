import { DATASET_NAMES } from '../datasets/registry.js';
import { listNames } from './suggest.js';

/** What a code means, for docs/diagnostics.md. The message of a diagnostic says it for the case at hand. */
export interface DiagnosticCode {
  readonly title: string;
  readonly meaning: string;
}

/** Codes of the language front end: 1xxx syntax, 2xxx names, arguments and types, 3xxx shapes, 4xxx data set, precision and training. */
export const CODES = {
  AMP1001: { title: 'unexpected character', meaning: 'The character has no meaning in the language. Comments start with `#`.' },
  AMP1002: { title: 'bad number', meaning: 'A number is digits with an optional fraction and exponent, and takes no unit.' },
  AMP1003: { title: 'unterminated string', meaning: 'A string ends with `"` on the line on which it starts.' },
  AMP1004: { title: 'unclosed bracket', meaning: 'Every `{`, `(` and `[` needs its closing bracket.' },
  AMP1005: { title: 'closing bracket without an opening one', meaning: 'There is nothing here for the bracket to close.' },
  AMP1006: { title: 'syntax error', meaning: 'Something else is expected at this place.' },
  AMP1007: { title: 'value that goes nowhere', meaning: 'A body has one result; layers are joined to it with `|>`.' },
  AMP1008: { title: 'nested too deeply', meaning: 'Brackets nest at most 100 deep.' },
  AMP1009: { title: '`=` in an argument', meaning: 'Named arguments are written `name: value`.' },
  AMP1010: { title: 'unknown section', meaning: 'A file consists of `use`, `dataset`, `let`, `block`, `model`, `precision` and `train`.' },
  AMP1011: { title: 'body without a result', meaning: 'The last line of a body is the value that it results in.' },
  AMP1012: { title: 'named argument before a positional one', meaning: 'Positional arguments come first.' },
  AMP2001: { title: 'unknown layer', meaning: 'The name after `|>` is a layer of the language or a `block` of the file.' },
  AMP2002: { title: 'unknown argument', meaning: 'The layer, block or setting has no argument of that name.' },
  AMP2003: { title: 'missing argument', meaning: 'An argument without a default was left out.' },
  AMP2004: { title: 'duplicate argument', meaning: 'An argument is given once, by position or by name.' },
  AMP2005: { title: 'too many arguments', meaning: 'There are more positional arguments than parameters.' },
  AMP2006: { title: 'wrong type', meaning: 'The value is not of the kind that is needed here.' },
  AMP2007: { title: 'duplicate name', meaning: 'A name is declared once in its scope; layer names become the names of weights.' },
  AMP2008: { title: 'unknown name', meaning: 'No `let`, parameter or constant of that name is in scope.' },
  AMP2009: {
    title: 'recursive block',
    meaning: 'Blocks are expanded where they are called, so none may call itself, directly or through others.',
  },
  AMP2010: { title: 'argument out of range', meaning: 'The argument has bounds, listed with the layer.' },
  AMP2011: { title: 'arithmetic error', meaning: 'The expression has no finite value, or one that double precision takes for 0.' },
  AMP2012: { title: 'call outside a pipeline', meaning: 'Layers and blocks are applied with `|>`.' },
  AMP2013: { title: 'unknown property', meaning: 'Values of the graph have `height`, `width` and `channels`.' },
  AMP2014: { title: 'unused value', meaning: 'A `let` is never read. Its layers are left out of the model.' },
  AMP2015: {
    title: 'argument that f32 cannot hold',
    meaning: 'Numbers are used as f32: in it this one is infinite, 0, or a bound that is excluded.',
  },
  AMP2016: {
    title: 'name of nothing that has weights',
    meaning: 'In an expression `as` names what `param`, `share` and `collect` make; layers get their names in pipelines.',
  },
  AMP2017: {
    title: 'file that cannot be used',
    meaning: '`use` takes `ampc/blocks` or the path of a file, `./blocks.amp`, that can be read.',
  },
  AMP2018: {
    title: 'files that use each other',
    meaning: 'A file is read before what it is used for, so none may use itself, directly or through others.',
  },
  AMP2019: {
    title: 'whitening of what is no image',
    meaning: '`whiten` takes its filters from the training images, so it is for the convolution that reads them.',
  },
  AMP3001: { title: 'shape mismatch', meaning: 'The layer cannot be applied to values of these shapes.' },
  AMP3002: { title: 'window larger than its input', meaning: 'A kernel must fit inside its padded input.' },
  AMP3003: { title: 'output shape is not the declared one', meaning: 'The last layer must result in the shape after `->`.' },
  AMP3004: {
    title: 'bad model signature',
    meaning:
      'A model takes an image [height, width, channels], and what else arrays of numpy give of it; it results in [classes], or in an ' +
      'image with which its loss compares it.',
  },
  AMP3005: {
    title: 'model too large',
    meaning: 'Expanded, the model has more than 20,000 layers, or blocks nested more than 64 deep.',
  },
  AMP3006: {
    title: 'more results than pixels',
    meaning: 'An adaptive pool to more rows or columns than its image has repeats some of them: no window has fewer than one.',
  },
  AMP4001: { title: 'unknown setting', meaning: 'The section has no setting of that name.' },
  AMP4002: { title: 'set twice', meaning: 'Each section and each setting is given once.' },
  AMP4003: { title: 'unknown choice', meaning: 'The setting takes one of a list of words.' },
  AMP4004: { title: 'wrong type of setting', meaning: 'The value is not of the kind that the setting takes.' },
  AMP4005: { title: 'setting out of range', meaning: 'The setting has bounds, listed with it.' },
  AMP4006: {
    title: 'unknown data set',
    meaning: `The data sets are ${listNames(DATASET_NAMES, 'and')}; others lie in files, such as those of a \`folder\`.`,
  },
  AMP4007: {
    title: 'model does not fit the data set',
    meaning: 'The image and the number of classes come from the data set, and an image that is a target is that of the model.',
  },
  AMP4014: {
    title: 'line about no parameter',
    meaning: '`init`, `freeze` and `group` name parameters of the model, or a pattern over their names.',
  },
  AMP4015: { title: 'nothing left to train', meaning: 'A parameter that the loss depends on must not be frozen.' },
  AMP4019: {
    title: 'freeze line that does not do what it says',
    meaning: 'Its epochs lie beyond the run, or another line freezes the same parameter in the others.',
  },
  AMP4020: {
    title: 'group line that does nothing',
    meaning: 'Later lines take all of its parameters, or they are frozen in all epochs.',
  },
  AMP4021: {
    title: 'learning rates far apart',
    meaning: 'That of a `group` is more than 1000 times that of the others, or less than a thousandth.',
  },
  AMP4008: { title: 'pin that matches nothing', meaning: '`keep` names an op or a layer of the model, or a pattern over layers.' },
  AMP4009: { title: 'settings that contradict each other', meaning: 'Each value is fine alone, but not together.' },
  AMP4010: { title: 'bad override', meaning: '`--set key.path=value` names a setting of the file and gives it a value.' },
  AMP4011: { title: 'no model', meaning: 'A file needs exactly one `model`.' },
  AMP4012: {
    title: 'setting that f32 cannot hold',
    meaning: 'Numbers, and the rates made of them, are used as f32: in it this one is infinite, 0, or a bound that is excluded.',
  },
  AMP4013: { title: 'batch norm of one value', meaning: 'The last batch of an epoch is one image, with one value for each channel.' },
  AMP4017: { title: 'images without a size', meaning: 'Pictures in files may have any size; `size` says to which they are brought.' },
  AMP4018: { title: 'data set that cannot be read', meaning: 'A model that follows `dataset.classes` needs the files to be there.' },
  AMP4016: {
    title: 'loss that does not fit the classes',
    meaning: 'Weights are one for each class, and a class that is ignored is one of them.',
  },
} as const satisfies Readonly<Record<string, DiagnosticCode>>;

export type FrontEndCode = keyof typeof CODES;
