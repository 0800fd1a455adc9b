import type { Diagnostic, RelatedSpan, Span } from '../diagnostics/diagnostic.js';
import { suggestName } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { given } from '../given.js';
import type { Expr } from '../parser/ast.js';
import { UNKNOWN, type Value } from './value.js';

/** Reports a data set that cannot be read, by its own message. `asked`: what has to be known of it. */
export function reportMissing(
  missing: Diagnostic | undefined,
  span: Span | undefined,
  asked: RelatedSpan | undefined,
  sink: DiagnosticSink,
): void {
  const { message = 'the data set cannot be read', why, fix } = missing ?? {};
  sink.error('AMP4018', span ?? asked?.span, message, { ...given({ why, fix }), ...(span && asked && { related: [asked] }) });
}

/** What expressions can ask of `dataset`. */
export const DATASET_PROPERTIES = {
  shape: 'the shape of its images, `[height, width, channels]`',
  classes: 'how many classes it has',
  height: 'rows of its images',
  width: 'columns of its images',
  channels: 'channels of its images',
} as const;

/** The data set as a model follows it. */
export interface DatasetValues {
  readonly image: readonly [height: number, width: number, channels: number];
  /** Or why that is not known, and where the data set is named. */
  readonly classes: number | { readonly missing: Diagnostic | undefined; readonly span: Span | undefined };
}

/** `dataset.classes` and the others. `reported`: what is wrong with the data set is said already; undefined: it is not known here. */
export function datasetProperty(
  { name, span }: Extract<Expr, { kind: 'property' }>,
  dataset: DatasetValues | 'reported' | undefined,
  sink: DiagnosticSink,
): Value {
  const names = Object.keys(DATASET_PROPERTIES);
  if (!Object.hasOwn(DATASET_PROPERTIES, name.text)) {
    if (name.text !== '')
      sink.error('AMP2013', name.span, `\`dataset\` has no property \`${name.text}\``, suggestName(name, names, 'properties'));
    return UNKNOWN;
  }
  if (dataset === 'reported') return UNKNOWN;
  if (dataset === undefined) {
    sink.error('AMP2013', span, `\`dataset.${name.text}\` is not known here`, {
      why: 'the data set is read with the constants of the file, before models and blocks',
      fix: 'use it in a model or a block',
    });
    return UNKNOWN;
  }
  const [height, width, channels] = dataset.image;
  const sizes = { height, width, channels };
  const key = name.text as keyof typeof DATASET_PROPERTIES;
  if (key === 'shape') return { kind: 'list', items: dataset.image.map((value) => ({ kind: 'number', value })) };
  if (key !== 'classes') return { kind: 'number', value: sizes[key] };
  const { classes } = dataset;
  if (typeof classes === 'number') return { kind: 'number', value: classes };
  const { missing, span: named } = classes;
  reportMissing(missing, named, { span, message: 'how many classes it has is asked here' }, sink);
  return UNKNOWN;
}
