import type { PrecisionSection, TrainSection } from '../parser/ast.js';
import type { SettingsSection } from './settings.js';

/** A line of a section that is no setting: it may stand there as often as it is needed. */
export interface Line {
  readonly section: SettingsSection;
  /** With which it begins. */
  readonly word: string;
  readonly doc: string;
  /** What is named behind the word. */
  readonly about: 'layers' | 'parameters' | 'value';
  /** Whether something has to follow behind that. */
  readonly hasValue: boolean;
}

type Item = PrecisionSection['items'][number] | TrainSection['items'][number];

/** Every kind of line, as the tree has it. */
export const LINES: Readonly<Record<Exclude<Item['kind'], 'setting'>, Line>> = {
  keep: {
    section: 'precision',
    word: 'keep',
    doc: 'keeps an op, a layer or a pattern of layers in a format: `keep "stage4.*" in fp32`',
    about: 'layers',
    hasValue: true,
  },
  init: {
    section: 'train',
    word: 'init',
    doc: 'how the parameters start whose names a pattern means: `init "*.weight" normal(std: 0.02)`',
    about: 'parameters',
    hasValue: true,
  },
  freeze: {
    section: 'train',
    word: 'freeze',
    doc: 'leaves parameters as they are: `freeze "stem.*"`, `freeze "stem.*" until 2`, `freeze fc after 75 steps`',
    about: 'parameters',
    hasValue: false,
  },
  parameter_group: {
    section: 'train',
    word: 'group',
    doc: 'an update of their own for the parameters of a kind or a pattern: `group biases { weight_decay_times 0 }`',
    about: 'parameters',
    hasValue: false,
  },
  aux_loss: {
    section: 'train',
    word: 'aux_loss',
    doc: 'a further loss, of a value that the model names: `aux_loss head cross_entropy(weight: 0.3)`',
    about: 'value',
    hasValue: true,
  },
};

/** The line of a section that begins with a word. */
export function findLine(section: string, word: string): Line | undefined {
  return Object.values(LINES).find((line) => line.section === section && line.word === word);
}
