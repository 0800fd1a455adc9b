import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_BYTES } from '../../../src/training/data/binary.js';
import { CIFAR10 } from '../../../src/training/data/cifar.js';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

function records(labels: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(labels.length * RECORD_BYTES);
  for (const [index, label] of labels.entries()) {
    bytes[index * RECORD_BYTES] = label;
    for (let plane = 0; plane < 3; plane++) {
      for (let pixel = 0; pixel < 1024; pixel++)
        bytes[index * RECORD_BYTES + 1 + plane * 1024 + pixel] = (plane * 50 + pixel + label) % 256;
    }
  }
  return bytes;
}

/** A folder in CIFAR-10's layout with three images a training file (file k has labels k-1, k, k+1) and two test images. */
export async function tinyCifar(dir: string): Promise<void> {
  const folder = join(dir, CIFAR10.folder);
  await mkdir(folder, { recursive: true });
  for (const [index, name] of CIFAR10.files.train.entries()) await writeFile(join(folder, name), records([index, index + 1, index + 2]));
  await writeFile(join(folder, 'test_batch.bin'), records([8, 9]));
  await writeFile(join(folder, CIFAR10.classesFile!), `${CLASSES.join('\n')}\n\n`);
}
