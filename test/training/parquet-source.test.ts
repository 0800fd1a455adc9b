import assert from 'node:assert/strict';
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { lookUpData } from '../../src/datafiles/look-up.js';
import { listParquet } from '../../src/datafiles/parquet.js';
import { readColumn } from '../../src/datafiles/parquet-file.js';
import { DEFAULT_SIZING } from '../../src/datasets/source.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { DatasetSpec } from '../../src/ir/program.js';
import { openData } from '../../src/training/data/open.js';
import { environment } from '../support/environment.js';
import { inTemporaryFolder } from './support/fake.js';
import { type Column, type ParquetForm, parquet } from './support/parquet.js';
import { painted, put } from './support/pictures.js';

const SOURCE = { kind: 'parquet', path: 'x', channels: 3 } as const;

function spec(more: Partial<DatasetSpec> = {}): DatasetSpec {
  const size = { height: 2, width: 2, ...DEFAULT_SIZING };
  return { name: 'parquet("x")', source: SOURCE, image: [2, 2, 3], size, mean: [0.5], std: [0.5], augment: [], ...more };
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    const { code, message, why, fix } = error.diagnostics[0]!;
    return `${code} ${message}: ${why}; ${fix}`;
  }
  return assert.fail('nothing was refused');
}

/** Pictures that are told from each other by their red. */
const pictures = (...reds: readonly number[]) =>
  Promise.all(
    reds.map((red) =>
      painted({ width: 3, height: 3, colour: [red, 0, 0] })
        .png()
        .toBuffer(),
    ),
  );

const whole = (...numbers: readonly (number | null)[]): Column => ({ kind: 'whole', numbers });
const struct = async (...reds: readonly number[]): Promise<Column> => ({ kind: 'struct', bytes: await pictures(...reds) });

describe('Parquet files', () => {
  const set = environment(['AMPC_CACHE']);
  const inFolder = (body: (dir: string) => Promise<void>) =>
    inTemporaryFolder(async (dir) => {
      set({ AMPC_CACHE: join(dir, 'cache') });
      await body(dir);
    });
  const reds = (images: Uint8Array) => Array.from({ length: images.length / 12 }, (_, at) => images[12 * at]);

  it('train as Hugging Face has them: splits by the names of files, rows in their order, names of classes', () =>
    inFolder(async (dir) => {
      const form: ParquetForm = { names: ['label', ['no', 'yes é', 'perhaps']] };
      put(dir, 'set/data/train-00000-of-00002.parquet', parquet({ image: await struct(10, 20, 30), label: whole(0, 1, 1) }, form));
      put(
        dir,
        'set/data/train-00001-of-00002.parquet',
        parquet({ image: await struct(40), label: whole(0) }, { ...form, rowGroupSize: 9 }),
      );
      put(dir, 'set/data/test-00000-of-00001.parquet', parquet({ image: await struct(50, 60), label: whole(1, 0) }, form));
      put(dir, 'set/README.md', 'what it is');
      for (const place of ['set', 'set/data/*.parquet', 'set/**/{train,test}-*.parquet']) {
        // The second time from the cache.
        for (let time = 0; time < 2; time++) {
          const { train, test, classes } = await openData(spec(), { place: join(dir, place) });
          assert.deepEqual(
            [classes, [...train.labels], [...test.labels]],
            [
              ['no', 'yes é', 'perhaps'],
              [0, 1, 1, 0],
              [1, 0],
            ],
          );
          assert.deepEqual(
            [reds(train.images), reds(test.images)],
            [
              [10, 20, 30, 40],
              [50, 60],
            ],
          );
          assert.match(train.files?.[2] ?? '', /train-00000-of-00002\.parquet#2$/);
        }
        const at = { path: join(dir, 'a.amp') };
        assert.deepEqual(lookUpData({ ...SOURCE, path: place }, undefined, at), {
          classes: ['no', 'yes é', 'perhaps'],
          images: { train: 4, test: 2 },
        });
      }
    }));

  it('are read in other layouts: bytes alone, other columns, other packings, folders of splits, no names', () =>
    inFolder(async (dir) => {
      const bytes: Column = { kind: 'binary', bytes: await pictures(10, 20, 30) };
      const text: Column = { kind: 'text', texts: ['a', 'b', 'c'] };
      for (const codec of ['SNAPPY', 'UNCOMPRESSED', 'GZIP', 'BROTLI'] as const) {
        const file = parquet({ note: text, fine_label: whole(0, 2, 1), img: bytes, coarse_label: whole(1, 1, 0) }, { codec });
        for (const side of ['train', 'validation']) put(dir, `${codec}/default/${side}/0000.parquet`, file);
        const { train, classes } = await openData(spec(), { place: join(dir, codec) });
        assert.deepEqual(
          [classes, [...train.labels], reds(train.images)],
          [
            ['0', '1', '2'],
            [0, 2, 1],
            [10, 20, 30],
          ],
          codec,
        );
        const source = { ...SOURCE, image: 'img', label: 'coarse_label' };
        const coarse = await openData(spec({ source }), { place: join(dir, codec) });
        assert.deepEqual(
          [coarse.classes, [...coarse.test.labels]],
          [
            ['0', '1'],
            [1, 1, 0],
          ],
          codec,
        );
      }
    }));

  it('of one split are divided by their rows, the same way every time', () =>
    inFolder(async (dir) => {
      const labels = Array.from({ length: 40 }, (_, row) => row % 2);
      put(dir, 'all.parquet', parquet({ image: await struct(...labels.keys()), label: whole(...labels) }, { rowGroupSize: 7 }));
      const { train, test, validation } = await openData(spec({ split: { test: 0.25 }, validation: 0.2 }), {
        place: join(dir, 'all.parquet'),
      });
      const sides = [train, test, validation!].map(({ images }) => reds(images));
      assert.deepEqual(
        sides.flat().sort((a, b) => a! - b!),
        [...labels.keys()],
      );
      for (const { images, labels: own } of [train, test, validation!]) {
        assert.ok(own.includes(0) && own.includes(1));
        assert.deepEqual(
          [...own],
          reds(images).map((red) => red! % 2),
        );
      }
      const found = lookUpData({ ...SOURCE, path: 'all.parquet' }, { test: 0.25 }, { path: join(dir, 'a.amp') });
      assert.deepEqual(found.images, { train: train.count + validation!.count, test: test.count });
    }));

  it('are refused with what is missing or damaged', () =>
    inFolder(async (dir) => {
      const image = await struct(10, 20);
      const open = (name: string, more: Partial<DatasetSpec> = {}) => refusal(() => openData(spec(more), { place: join(dir, name) }));
      const opened = (columns: Readonly<Record<string, Column>>, form: ParquetForm = {}, source: object = {}) => {
        put(dir, 'x.parquet', parquet(columns, form));
        return open('x.parquet', { split: { test: 0.5 }, source: { ...SOURCE, ...source } });
      };
      const label = whole(0, 1);
      assert.match(await open('gone.parquet'), /^AMP7016 .*gone\.parquet has no Parquet files, or is not there/);
      assert.match(await open('data/*.parquet'), /^AMP7016 no file has a name like .*data/);
      assert.match(await opened({ label }), /^AMP7016 .*has no column of pictures: its columns are `label`; name other files/);
      assert.match(await opened({ image }), /^AMP7016 .*has no column of labels: its columns are `image`/);
      const two = { a: image, b: image, label };
      assert.match(await opened(two), /^AMP7016 .*has several columns that may be the pictures.*`image: "a"`$/);
      assert.match(await opened({ image, kind: label }), /^AMP7016 .*has no column of labels.*`label: "kind"`$/);
      assert.match(await opened({ image, label }, {}, { label: 'kind' }), /^AMP7016 .*has no column `kind`/);
      const names: Column = { kind: 'text', texts: ['cat', 'dog'] };
      assert.match(
        await opened({ image, label: names }),
        /^AMP7016 .*no labels in its column `label`: that column is text; .*class_encode_column/,
      );
      assert.match(await opened({ image: names, label }), /^AMP7016 .*no pictures in its column `image`: that column is text/);
      assert.match(await opened({ image, label: whole(0, null) }), /^AMP7020 .*row 1 has no label/);
      assert.match(await opened({ image, label: whole(0, -1) }), /^AMP7020 .*row 1 has the label -1, with which Hugging Face marks/);
      const form: ParquetForm = { names: ['label', ['no', 'yes']] };
      assert.match(await opened({ image, label: whole(0, 2) }, form), /^AMP7020 .*row 1 has label 2; labels go from 0 to 1/);
      assert.match(
        await opened({ image, label }, { codec: 'LZ4' }),
        /^AMP7020 .*is packed with LZ4; write it again, .*: UNCOMPRESSED, SNAPPY/,
      );
      const bytes = [(await pictures(10))[0]!, Buffer.from('no picture'), null, Buffer.alloc(0)];
      const broken = await opened({ image: { kind: 'struct', bytes }, label: whole(0, 0, 0, 0) });
      assert.match(
        broken,
        /^AMP7018 .*holds 3 rows that cannot be used.*x\.parquet#1: .*x\.parquet#2: the row has no bytes of a picture.*x\.parquet#3: /s,
      );

      const file = parquet({ image, label });
      put(dir, 'x/train.parquet', file);
      assert.match(await open('x'), /^AMP7016 .*has no files of train and of test.*here is `train\.parquet`; .*split/);
      put(dir, 'x/test.parquet', file);
      assert.match(await open('x', { split: { test: 0.5 } }), /^AMP7016 .*has files of train and test already/);
      put(dir, 'x/extra.parquet', file);
      assert.match(await open('x'), /^AMP7016 .*neither for training nor for testing: `extra\.parquet`; .*\{train,test\}/);
      put(dir, 'other/train.parquet', parquet({ image, label }, form));
      put(dir, 'other/test.parquet', parquet({ image, label }, { names: ['label', ['yes', 'no']] }));
      assert.match(
        await open('other'),
        /^AMP7017 .*test\.parquet has other classes than train\.parquet: `yes` and `no`, not `no` and `yes`/,
      );
      const split = { split: { test: 0.5 } };
      put(dir, 'x.parquet', file.subarray(0, -20));
      assert.match(await open('x.parquet', split), /^AMP7020 .*it is cut short: its end is missing/);
      put(dir, 'x.parquet', Buffer.concat([file.subarray(0, 8), file.subarray(200)]));
      assert.match(await open('x.parquet', split), /^AMP7020 .*it is (cut short or )?damaged/);
      put(dir, 'x.parquet', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n');
      assert.match(await open('x.parquet', split), /^AMP7020 .*Git LFS/);
      put(dir, 'x.parquet', '');
      assert.match(await open('x.parquet', split), /^AMP7020 .*it is empty/);
    }));

  it('that change between two looks are refused', () =>
    inFolder(async (dir) => {
      put(dir, 'x.parquet', parquet({ image: await struct(10, 20), label: whole(0, 1) }));
      const path = join(dir, 'x.parquet');
      const { file, image } = [...listParquet(path, {}, { test: 0.5 }).tables.values()][0]!;
      assert.equal(readColumn(file, 0, image).length, 2);
      utimesSync(path, new Date(), new Date(statSync(path).mtimeMs + 5000));
      assert.match(await refusal(() => readColumn(file, 0, image)), /^AMP7019 .*changed while it was read/);
    }));
});
