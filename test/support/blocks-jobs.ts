import { readFileSync } from 'node:fs';
import { lowerProgram } from '../../src/lower/lower.js';
import { formatAmp } from '../../src/parser/format.js';

const STAGE = '  |> conv2d(3, kernel: 3, padding: 1) |> relu\n';

/**
 * What `blocksRun` counts the work of, by the size of its input. Each job makes its input before the counting starts, and returns the work.
 */
export const JOBS = {
  /** Formatting a chain of convolutions on one line. */
  format: (stages: number) => {
    const text = `model M(image: [32, 32, 3]) -> [10] { image ${'|> conv2d(3, kernel: 3) '.repeat(stages)} }`;
    return () => formatAmp(text);
  },
  /** Parsing and lowering a chain of layers. */
  lower: (layers: number) => {
    const text = `model Chain(image: [32, 32, 3]) -> [10] {\n  image\n${STAGE.repeat(layers / 2)}  |> flatten |> linear(10)\n}\n`;
    return () => lowerProgram({ path: 'chain.amp', text });
  },
  /** The same of ResNet-18. */
  lowerResnet: () => {
    const text = readFileSync('examples/resnet18.amp', 'utf8');
    return () => lowerProgram({ path: 'resnet18.amp', text });
  },
} satisfies Readonly<Record<string, (size: number) => () => unknown>>;

export type JobName = keyof typeof JOBS;
