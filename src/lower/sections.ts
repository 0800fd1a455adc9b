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

/** The word that a section begins with. */
function headOf({ kind, span }: Section): Span {
  return { start: span.start, end: span.start + kind.length };
}

function addBlock(block: BlockSection, blocks: Map<string, BlockSection>, sink: DiagnosticSink): void {
  const { text, span } = block.name;
  const first = blocks.get(text);
  if (first === undefined) blocks.set(text, block);
  else
    sink.error('AMP2007', span, `block \`${text}\` is declared twice`, {
      fix: 'give one of them another name',
      related: [{ span: first.name.span, message: 'first declared here' }],
    });
}

/** What others get of a file. Reports blocks that are there twice, and sections that would count for nothing. */
export function sortUsedSections(file: AmpFile, sink: DiagnosticSink): Pick<Sections, 'blocks' | 'lets'> {
  const blocks = new Map<string, BlockSection>();
  const lets: Let[] = [];
  for (const section of file.sections) {
    if (section.kind === 'let') lets.push(section);
    else if (section.kind === 'block') addBlock(section, blocks, sink);
    else if (section.kind !== 'use')
      sink.error('AMP2017', headOf(section), `a file with a \`${section.kind}\` section cannot be used`, {
        why: 'what it trains, and how, would count for nothing: others get its blocks and its constants alone',
        fix: 'move the blocks to a file of their own, which this one uses too',
      });
  }
  return { blocks, lets };
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
    else if (section.kind === 'block') addBlock(section, blocks, sink);
    else {
      const first = single.get(section.kind);
      if (section.kind === 'model') models.push(section);
      if (first === undefined) single.set(section.kind, section);
      else {
        sink.error(section.kind === 'model' ? 'AMP4011' : 'AMP4002', headOf(section), `a file has one \`${section.kind}\` section`, {
          why: section.kind === 'model' ? 'the model is what the file trains; its parts are blocks' : 'it is not clear which one counts',
          fix: section.kind === 'model' ? 'make one of them a `block`, or move it to another file' : 'join the two',
          related: [{ span: headOf(first), message: 'the first one' }],
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
