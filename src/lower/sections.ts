import type { Span } from '../diagnostics/diagnostic.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { AmpFile, BlockSection, DatasetSection, Let, ModelSection, PrecisionSection, Section, TrainSection } from '../parser/ast.js';

/** The sections of a file by what they are. */
export interface Sections {
  readonly dataset: DatasetSection | undefined;
  readonly precision: PrecisionSection | undefined;
  readonly train: TrainSection | undefined;
  readonly models: readonly ModelSection[];
  readonly blocks: ReadonlyMap<string, BlockSection>;
  readonly lets: readonly Let[];
}

/** Settings with a syntax error are left out, so that they are not reported a second time for what they mean. */
export function withoutBroken(file: AmpFile, broken: (span: Span) => boolean): AmpFile {
  const sections = file.sections.map((section): Section => {
    if (!('items' in section)) return section;
    return { ...section, items: section.items.filter((item) => !broken(item.span)) } as Section;
  });
  return { sections };
}

/** Whether a place in the text lies in a section of settings. */
export function isInSettings(file: AmpFile, offset: number): boolean {
  return file.sections.some((section) => 'items' in section && offset >= section.span.start && offset < section.span.end);
}

/** Whether a file is there for others to use. */
export function holdsBlocksAlone({ sections }: AmpFile): boolean {
  return (
    sections.some(({ kind }) => kind === 'block') && sections.every(({ kind }) => kind === 'block' || kind === 'let' || kind === 'use')
  );
}

/** Reports what is there twice, and the model that is missing. */
export function sortSections(file: AmpFile, needsNoModel: boolean, sink: DiagnosticSink): Sections {
  const blocks = new Map<string, BlockSection>();
  const models: ModelSection[] = [];
  const lets: Let[] = [];
  const single = new Map<string, Section>();
  for (const section of file.sections) {
    if (section.kind === 'use') continue;
    if (section.kind === 'let') lets.push(section);
    else if (section.kind === 'block') {
      const first = blocks.get(section.name.text);
      if (first === undefined) blocks.set(section.name.text, section);
      else
        sink.error('AMP2007', section.name.span, `block \`${section.name.text}\` is declared twice`, {
          fix: 'give one of them another name',
          related: [{ span: first.name.span, message: 'first declared here' }],
        });
    } else {
      const first = single.get(section.kind);
      if (section.kind === 'model') models.push(section);
      if (first === undefined) single.set(section.kind, section);
      else {
        const span = { start: section.span.start, end: section.span.start + section.kind.length };
        const firstSpan = { start: first.span.start, end: first.span.start + first.kind.length };
        sink.error(section.kind === 'model' ? 'AMP4011' : 'AMP4002', span, `a file has one \`${section.kind}\` section`, {
          why: section.kind === 'model' ? 'the model is what the file trains; its parts are blocks' : 'it is not clear which one counts',
          fix: section.kind === 'model' ? 'make one of them a `block`, or move it to another file' : 'join the two',
          related: [{ span: firstSpan, message: 'the first one' }],
        });
      }
    }
  }
  if (models.length === 0 && !needsNoModel) {
    sink.error('AMP4011', undefined, 'the file has no model', {
      why: 'there is nothing to train without one',
      fix: 'add `model Name(image: [32, 32, 3]) -> [10] { … }`',
    });
  }
  const get = <K extends Section['kind']>(kind: K) => single.get(kind) as Extract<Section, { kind: K }> | undefined;
  return { dataset: get('dataset'), precision: get('precision'), train: get('train'), models, blocks, lets };
}
