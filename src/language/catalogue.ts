import { DATASETS, isDatasetName } from '../datasets/registry.js';
import { FILE_SOURCES, SHAPES_CALL } from '../lower/choices/source.js';
import { FUNCTIONS, PARAM, PARAM_ARGUMENTS } from '../lower/functions.js';
import { groupSettings } from '../lower/groups.js';
import { findLayer } from '../lower/layers.js';
import { findLine, LINES, type Line } from '../lower/lines.js';
import type { Setting } from '../lower/setting.js';
import { AUX_LOSS, OPTIMIZER, SETTINGS, type SettingsSection } from '../lower/settings.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { AmpFile, BlockSection } from '../parser/ast.js';
import { type Parameter, parameterLabel } from './arguments.js';
import type { Owner } from './place.js';

/** One thing that can be called, and what it takes: all that an editor shows of it. */
export interface Callable {
  readonly name: string;
  readonly doc: string;
  readonly params: readonly Parameter[];
  /** Words for the values of the graph that stand before the arguments. */
  readonly values: readonly string[];
  readonly example?: string | undefined;
}

/** The braces of a `group` line, as if they were a section. */
export const GROUP = LINES.parameter_group.word;

export const SECTIONS: Readonly<Record<string, string>> = {
  use: 'the blocks and constants of another file: `use "./blocks.amp"`, or `use "ampc/blocks"`',
  dataset: 'what is trained on, and what is done to its images',
  let: 'gives a value to a name',
  block: 'layers under one name, which models call like a layer',
  model: 'what is trained: an image through layers to classes',
  precision: 'the formats in which it is computed',
  train: 'how it is trained: loss, optimizer, batch, epochs',
};

export function isSettingsSection(name: string): name is SettingsSection {
  return Object.hasOwn(SETTINGS, name);
}

const DEFAULT_OPTIMIZER = (OPTIMIZER.value.kind === 'choice' ? OPTIMIZER.value.default : undefined) ?? '';

/** `optimizer`: that of the file, whose numbers a `group` line may have. */
export function settingsOf(section: string, optimizer?: string): readonly Setting[] {
  if (section === GROUP) return groupSettings([], optimizer ?? DEFAULT_OPTIMIZER);
  return isSettingsSection(section) ? SETTINGS[section] : [];
}

/** The word of the file's optimizer. */
export function optimizerOf({ sections }: AmpFile): string | undefined {
  const items = sections.flatMap((section) => (section.kind === 'train' ? section.items : []));
  const found = items.find((item) => item.kind === 'setting' && item.name.text === OPTIMIZER.name);
  const value = found?.kind === 'setting' ? found.value : undefined;
  return value?.kind === 'call' ? value.callee.text : value?.kind === 'name' ? value.name.text : undefined;
}

export function linesOf(section: string): readonly Line[] {
  return Object.values(LINES).filter((line) => line.section === section);
}

/** A setting by its name; `aux_loss` takes words as one. */
export function findSetting(section: string, name: string, optimizer?: string): Setting | undefined {
  const found = settingsOf(section, optimizer).find((setting) => setting.name === name);
  return found ?? (name === AUX_LOSS.name && findLine(section, name) !== undefined ? AUX_LOSS : undefined);
}

function layerCallable(name: string, block: BlockSection | undefined): Callable | undefined {
  if (block !== undefined) {
    const params = block.params.slice(1).map(
      ({ name: param, default: fallback }): Parameter => ({
        name: param.text,
        kind: 'number',
        doc: fallback === undefined ? 'of the block' : 'of the block; it has a default',
        ...(fallback?.kind === 'number' && { default: fallback.value }),
      }),
    );
    return { name, doc: 'a block of this file, or of one that it uses', params, values: [] };
  }
  const layer = findLayer(name);
  if (layer === undefined) return undefined;
  const { doc, params, values, example } = layer;
  return { name, doc, params, values: values === undefined ? [] : [values.max === 1 ? 'value' : 'value, …'], example };
}

export function functionCallable(name: string): Callable | undefined {
  if (name === PARAM) return { name, doc: 'a learned value of the model', params: PARAM_ARGUMENTS, values: [] };
  if (Object.hasOwn(INITIALIZERS, name)) return { name, ...INITIALIZERS[name]!, values: [] };
  if (!Object.hasOwn(FUNCTIONS, name)) return undefined;
  const { arity, doc } = FUNCTIONS[name]!;
  return { name, doc, params: [], values: Array.from({ length: arity }, (_, i) => 'abc'[i]!) };
}

function wordCallable(section: string, setting: string, word: string): Callable | undefined {
  if (section === 'dataset' && setting === word) {
    const source = Object.hasOwn(FILE_SOURCES, word) ? FILE_SOURCES[word as keyof typeof FILE_SOURCES] : undefined;
    if (source !== undefined) return { name: word, doc: source.doc, params: source.params, values: [] };
    if (isDatasetName(word)) return { name: word, doc: datasetDoc(word), params: word === 'shapes' ? SHAPES_CALL.params : [], values: [] };
  }
  const found = findSetting(section, setting);
  if (found === undefined) return undefined;
  const { value, doc } = found;
  if (value.kind === 'call') return { name: setting, doc, params: value.params, values: [] };
  if (value.kind === 'scalar') return { name: setting, doc, params: [value.param], values: [] };
  const choice = value.choices.find(({ name }) => name === word);
  return choice && { ...choice, values: [] };
}

/** "32x32x3, 10 classes, 50,000 training images". */
export function datasetDoc(name: keyof typeof DATASETS): string {
  const { image, classes, images } = DATASETS[name];
  const count = (n: number) => n.toLocaleString('en');
  return `images ${image.join('x')}, ${classes} classes, ${count(images.train)} for training and ${count(images.test)} for testing`;
}

/** What stands before parentheses; undefined where nothing has that name. `blocks`: those that the file can call. */
export function callableOf(owner: Owner, blocks: ReadonlyMap<string, BlockSection>): Callable | undefined {
  if (owner.kind === 'setting') return wordCallable(owner.section, owner.setting, owner.word);
  const layer = layerCallable(owner.name, blocks.get(owner.name));
  return owner.isStage ? layer : (functionCallable(owner.name) ?? layer);
}

/** `conv2d(filters, kernel = 1, …)` with what stands in the parentheses, part by part. */
export function signatureParts({ params, values }: Callable): readonly string[] {
  return [...values, ...params.map(parameterLabel)];
}

export function signatureText(callable: Callable): string {
  const parts = signatureParts(callable);
  return parts.length === 0 ? callable.name : `${callable.name}(${parts.join(', ')})`;
}
