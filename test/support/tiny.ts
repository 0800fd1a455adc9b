import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The smallest program that trains: one linear layer on a pooled image. */
export const TINY = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

model Tiny(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(8) |> flatten |> linear(10) as fc
}

precision { compute fp16 }

train { loss cross_entropy  optimizer adam(lr: 1e-3)  batch 8  epochs 2  seed 0 }
`;

/** Writes a data set in CIFAR-10's format under `dir`: five files of `perFile` training images and one of `perFile` test images. */
export function writeTinyCifar(dir: string, perFile = 16): void {
  const folder = join(dir, 'cifar-10-batches-bin');
  mkdirSync(folder, { recursive: true });
  const names = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'];
  names.forEach((name, file) => {
    const bytes = new Uint8Array(perFile * 3073);
    for (let i = 0; i < bytes.length; i += 1) {
      const label = (file * perFile + Math.floor(i / 3073)) % 10;
      bytes[i] = i % 3073 === 0 ? label : (Math.imul(i + 7919 * file, 2654435761) >>> 24) / 4 + 19 * label;
    }
    writeFileSync(join(folder, `${name}.bin`), bytes);
  });
  writeFileSync(join(folder, 'batches.meta.txt'), `${Array.from({ length: 10 }, (_, i) => `class${i}`).join('\n')}\n`);
}

export interface Workspace {
  readonly dir: string;
  /** The path of a new file with this text. */
  file(name: string, text: string): string;
  path(name: string): string;
  remove(): void;
}

function workspaceAt(dir: string): Workspace {
  return {
    dir,
    file(name, text) {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    },
    path: (name) => join(dir, name),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A folder of its own for one suite. */
export function makeWorkspace(): Workspace {
  return workspaceAt(mkdtempSync(join(tmpdir(), 'ampc-test-')));
}

export interface TinyWorkspace extends Workspace {
  /** The path of the program. */
  readonly program: string;
  /** The folder of the data set. */
  readonly data: string;
  /** What to call ampc with, to run on `reference` with this data. */
  args(command: string, ...rest: readonly string[]): string[];
}

/** To be called in a suite: a folder with a program and a tiny data set (see `writeTinyCifar`), there while the suite's tests run. */
export function useTiny(text = TINY, perFile = 16): TinyWorkspace {
  const work = workspaceAt(join(tmpdir(), `ampc-test-${randomUUID()}`));
  const data = work.path('data');
  before(() => {
    mkdirSync(work.dir);
    work.file('tiny.amp', text);
    writeTinyCifar(data, perFile);
  });
  after(() => work.remove());
  return {
    ...work,
    program: work.path('tiny.amp'),
    data,
    args: (command, ...rest) => [command, ...rest, '--backend', 'reference', '--data', data],
  };
}

/** For `--epochs` of a run that was ended at some moment: more than it can have trained by then, and few. */
export function someEpochsMore(run: string): string {
  const told = readFileSync(join(run, 'metrics.jsonl'), 'utf8').split('"event":"epoch"').length - 1;
  // The last one may be saved and not told yet.
  return String(told + 2);
}
