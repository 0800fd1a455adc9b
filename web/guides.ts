/** What a step of a story can do with the page. */
export interface GuidePage {
  /** Puts the example of this name into the editor, with the switches as the file says. */
  open(name: string): Promise<void>;
  /** Writes `to` for `from` in the text. Throws an Error where that is not in it. */
  write(from: string, to: string): Promise<void>;
  /** Trains what is in the editor as a new run, to its end. */
  train(): Promise<void>;
  /** Tells of a layer, and brings its line into sight. */
  show(layer: string): Promise<void>;
  /** Measures the gradients of the run that was trained last: at a loss scale, or at that of its last step. */
  gradients(scale?: number): Promise<void>;
}

export interface GuideStep {
  readonly says: string;
  readonly button: string;
  readonly act: (page: GuidePage) => Promise<void>;
}

/** The files of examples/precision by their names among the programs, and what there is to do with each. */
export const GUIDES: Readonly<Record<string, readonly GuideStep[]>> = {
  'an overflow forward': [
    {
      says:
        'The layer `energy` squares its input, and the pixels come in units that make it large. Train it: every step is skipped and the ' +
        'loss scale falls, because an infinity in the forward pass makes every gradient NaN. After 20 skips in a row ampc gives up.',
      button: 'Train it',
      act: (page) => page.train(),
    },
    {
      says:
        'Each skipped step was run again from the states that it began with, until a value left its format: below the curves stands ' +
        'which one, and how large it was. fp16 ends at 65,504. Look at what becomes of that layer.',
      button: 'Show energy',
      act: (page) => page.show('energy'),
    },
    {
      says:
        'No loss scale helps a value of the forward pass. Keep the layer in fp32: its box in the plan changes its colour, and casts ' +
        'appear.',
      button: 'Pin energy to fp32',
      act: async (page) => {
        await page.write('  compute fp16\n', '  compute fp16\n  keep energy in fp32\n');
        await page.show('energy');
      },
    },
    {
      says: 'The same network, and all the rest of it still in fp16.',
      button: 'Train again',
      act: (page) => page.train(),
    },
  ],
  'an overflow backward': [
    {
      says:
        'The head multiplies its logits by 64, so that their gradients come back 64 times as large. At the first loss scale, 65,536, ' +
        'one of them is larger than 65,504: the first step is skipped, the scale is halved, and training goes on.',
      button: 'Train it',
      act: (page) => page.train(),
    },
    {
      says: 'Look at the gradients as they are at the first scale: which layers come near the end of fp16, and which have room.',
      button: 'Gradients at 65,536',
      act: (page) => page.gradients(65_536),
    },
    {
      says: 'A pin would be too much. Let the run begin with the scale that it found.',
      button: 'Begin with 32,768',
      act: async (page) => {
        await page.write('  compute fp16\n', '  compute fp16\n  loss_scale dynamic(init: 32768)\n');
        await page.show('fc');
      },
    },
    { says: 'No step is lost now.', button: 'Train again', act: (page) => page.train() },
  ],
  'gradients that underflow': [
    {
      says:
        'Pictures in the counts of a sensor, up to 5,000. Leave out the loss scale, and look at the warning: gradients below 6e-8 do ' +
        'not exist in fp16.',
      button: 'Without a loss scale',
      act: (page) => page.write('  compute fp16\n', '  compute fp16\n  loss_scale none\n'),
    },
    {
      says: 'Nothing overflows, no step is skipped, nothing is NaN. The run looks healthy, and learns hardly anything.',
      button: 'Train it',
      act: (page) => page.train(),
    },
    {
      says:
        'The gradients of the convolutions are so small that most of them become 0: those bars lie in the part that fp16 does not ' +
        'have.',
      button: 'Gradients',
      act: (page) => page.gradients(),
    },
    {
      says: 'A loss scale moves all of them to the right, and is divided out again before the update. Take the line away again.',
      button: 'With a loss scale',
      act: (page) => page.write('  loss_scale none\n', ''),
    },
    {
      says: 'Look at the gradients again when it is done: the same bars, in the part that fp16 has.',
      button: 'Train again',
      act: async (page) => {
        await page.train();
        await page.gradients();
      },
    },
  ],
};
