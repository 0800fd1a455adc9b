import { sep } from 'node:path';
import type { Command } from 'commander';
import { type DataInfo, dataInfo, dataPreview, formatBytes, listData } from '../../index.js';
import { between, integer, ofCall, options } from '../options.js';
import { formatCount, type Output } from '../output.js';

interface InfoChoices {
  readonly data?: string;
  readonly size?: number;
  readonly split?: number;
  readonly sheet?: string;
}

interface PreviewChoices {
  readonly data?: string;
  readonly out: string;
  readonly images: number;
  readonly epochs: number;
}

/** `data list`, `data info` and `data preview`. */
export function addDataViews(data: Command, output: Output): void {
  data
    .command('list')
    .description('the data sets that a file can name, and where they are')
    .addOption(options.data())
    .addOption(options.json())
    .action(async (choices: { readonly data?: string }) => {
      const found = await listData(choices);
      const sets = found.map(({ isGenerated: generated, place = null, download = null, ...set }) => ({
        ...set,
        place,
        generated,
        download,
      }));
      output.event({ event: 'data_list', sets });
      if (output.json) return;
      output.table(
        ['name', 'image', 'classes', 'place'],
        found.map(({ name, image, classes, place, isGenerated, download }) => [
          name,
          image.join(' x '),
          formatCount(classes),
          place ?? (isGenerated ? 'generated when it is used' : `not there: ampc data fetch ${name} brings ${formatBytes(download ?? 0)}`),
        ]),
      );
    });

  data
    .command('info')
    .description('what a data set holds: images of each class, mean and std, test images that are training images too')
    .argument(
      '<source>',
      'name of a data set, .amp file, folder, .npz, .csv or .parquet file, or a data set as a file has it: folder("photos")',
    )
    .addOption(options.data())
    .option('--size <pixels>', 'side that pictures in a folder or a list are brought to (default: 64)', integer(1))
    .option('--split <share>', 'share of the images that is for testing, where a path does not say which are', between(0, 1))
    .option('--sheet <file>', 'write a PNG with ten training images of each class')
    .addOption(options.json())
    .action(async (source: string, choices: InfoChoices) => {
      const info = await dataInfo(source, { ...ofCall(choices), onNotice: output.notice });
      output.event({ event: 'data_info', ...info, place: info.place ?? null, sizes: info.sizes ?? null });
      if (!output.json) printInfo(info, output);
      if (choices.sheet !== undefined) output.line(`images in ${choices.sheet}`);
    });

  data
    .command('preview')
    .description('write a PNG of training images as they are, and as they are fed in the first epochs')
    .argument('<file>', '.amp file')
    .addOption(options.data())
    .option('--out <file>', 'the PNG', 'preview.png')
    .option('--images <n>', 'images, one a row', integer(1), 8)
    .option('--epochs <n>', 'epochs, one a column behind the image as it is', integer(1), 8)
    .action(async (file: string, choices: PreviewChoices) => {
      const { images, epochs } = await dataPreview(file, { ...ofCall(choices), onNotice: output.notice });
      output.line(`${images} images as they are and in ${epochs} epochs: ${choices.out}`);
    });
}

/** Duplicates that are named; the others are counted. */
const NAMED = 5;

function range([least, median, largest]: readonly number[]): string {
  return least === largest ? `${least}` : `${least} to ${largest}, half of them up to ${median}`;
}

function printInfo(info: DataInfo, output: Output): void {
  const { name, place, classes, image, train, test, validation, statistics, sizes, duplicates } = info;
  const kept = validation === undefined ? ' and' : `, ${formatCount(validation)} validation and`;
  output.line(`${name}: ${formatCount(train)} training${kept} ${formatCount(test)} test images of ${image.join(' x ')}`);
  output.line(place ?? 'generated when it is used; nothing is stored');
  if (sizes !== undefined) output.line(`in the files: heights ${range(sizes.height)}, widths ${range(sizes.width)}`);
  const written = (values: readonly number[]): string => `[${values.map((value) => value.toFixed(4)).join(', ')}]`;
  output.line(`normalize(mean: ${written(statistics.mean)}, std: ${written(statistics.std)})`);
  if (duplicates.length === 0) output.line('no test image is a training image');
  else {
    // From the folder that is named above.
    const short = (file: string): string => (place !== undefined && file.startsWith(place + sep) ? file.slice(place.length + 1) : file);
    const named = duplicates
      .slice(0, NAMED)
      .map(({ train: of, test: at, trainFile = `training ${of}`, testFile = `test ${at}` }) => `${short(testFile)} is ${short(trainFile)}`);
    const rest = duplicates.length > NAMED ? ` and ${formatCount(duplicates.length - NAMED)} more` : '';
    output.line(`${formatCount(duplicates.length)} test images are training images: ${named.join(', ')}${rest}`);
  }
  const { trainPerClass, validationPerClass, testPerClass } = info;
  const columns = [
    { title: 'train', counts: trainPerClass },
    ...(validationPerClass === undefined ? [] : [{ title: 'validation', counts: validationPerClass }]),
    { title: 'test', counts: testPerClass },
  ];
  output.table(
    ['class', ...columns.map(({ title }) => title)],
    classes.map((label, at) => [label, ...columns.map(({ counts }) => formatCount(counts[at] ?? 0))]),
  );
}
