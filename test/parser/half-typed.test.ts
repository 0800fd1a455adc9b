import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { parseAmp } from '../../src/parser/parse.js';
import { tokenEnd } from '../../src/parser/tokens.js';
import { loadSpecs } from '../spec-runner.js';
import { readOf } from './read.js';

const LAYERS = '  image |> conv2d(8, kernel: 3) as c1\n  |> relu |> flatten |> linear(10)';
const TRAIN = 'train {\n  loss cross_entropy\n  batch 64\n}';

function file(body = LAYERS, { head = 'model Net(image: [32, 32, 3]) -> [10]', rest = TRAIN } = {}): string {
  return `dataset cifar10\n\n${head} {\n${body}\n}\n\n${rest}\n`;
}

const WITHOUT_TRAIN = ['dataset', 'model Net'];
const ALL = [...WITHOUT_TRAIN, 'train'];
const STAGES = ['conv2d', 'relu', 'flatten', 'linear'];

/** What somebody has half typed, the sections that are read all the same, and the layers. */
const CASES: Readonly<Record<string, readonly [text: string, stages?: readonly string[], sections?: readonly string[]]>> = {
  'a pipe at the end of a body': [file(`${LAYERS}\n  |>`)],
  'a pipe before another': [file('  image |> relu |> |> flatten'), ['relu', 'flatten']],
  '`as` before a pipe': [file('  image |> conv2d(8) as |> flatten |> linear(10)'), ['conv2d', 'flatten', 'linear']],
  '`as` at the end of a body': [file('  image |> conv2d(8) |> linear(10) as'), ['conv2d', 'linear']],
  '`let` alone': [file(`  let\n${LAYERS}`)],
  '`let` with a name': [file(`  let a\n${LAYERS}`)],
  '`let` without a value': [file(`  let a =\n  let b = image |> gelu\n${LAYERS}`), ['gelu', ...STAGES]],
  '`let` without a value before the result': [file(`  let a =\n${LAYERS}`)],
  'an argument without a value': [file('  image |> conv2d(8, kernel: ) |> relu'), ['conv2d', 'relu']],
  'an argument without a value, and others': [file('  image |> conv2d(8, kernel:, stride: 2) |> relu'), ['conv2d', 'relu']],
  'an argument in open parentheses': [file('  image |> conv2d(8, kernel:\n  |> relu'), ['conv2d', 'relu']],
  'open parentheses': [file('  image |> conv2d(8,\n  |> relu'), ['conv2d', 'relu']],
  'an operation without its second operand': [file('  image |> conv2d(8 * ) |> relu'), ['conv2d', 'relu']],
  '`->` without a shape': [file(LAYERS, { head: 'model Net(image: [32, 32, 3]) ->' })],
  'a model without `->`': [file(LAYERS, { head: 'model Net(image: [32, 32, 3])' })],
  'a shape that is not closed': [file(LAYERS, { head: 'model Net(image: [32, 32, 3]) -> [10' })],
  'an input without a shape': [file(LAYERS, { head: 'model Net(image: ) -> [10]' })],
  'a word of a section that has begun': [file(LAYERS, { rest: 'tra {\n  batch 64\n}' })],
  'a word of a section alone': [file(LAYERS, { rest: 'tra' }), STAGES, WITHOUT_TRAIN],
  'a setting without a value before another': [file(LAYERS, { rest: 'train {\n  batch\n  epochs 10\n}' })],
  'a setting without a value at the end': [file(LAYERS, { rest: 'train {\n  batch 64\n  optimizer\n}' })],
  '`keep` alone': [file(LAYERS, { rest: 'precision {\n  compute fp16\n  keep\n}' }), STAGES, [...WITHOUT_TRAIN, 'precision']],
  '`keep` with a name': [file(LAYERS, { rest: `precision {\n  keep c1\n}\n${TRAIN}` }), STAGES, [...WITHOUT_TRAIN, 'precision', 'train']],
  '`repeat` without braces': [file('  image |> repeat 3 |> flatten |> linear(10)'), ['flatten', 'linear']],
};

describe('a half-typed file', () => {
  for (const [what, [text, stages = STAGES, sections = ALL]] of Object.entries(CASES)) {
    it(`with ${what} keeps its sections and pipelines`, () => {
      const read = readOf(text);
      assert.notEqual(parseAmp(text).diagnostics.length + (text.includes('let a =\n  image') ? 1 : 0), 0);
      assert.deepEqual(
        read.sections.map(({ name }) => name),
        sections,
      );
      assert.deepEqual(
        read.stages.map((stage) => stage.split('@')[0]),
        stages,
      );
    });
  }

  it('keeps the settings beside one without a value', () => {
    const settingsOf = (rest: string) => {
      const train = parseAmp(file(LAYERS, { rest })).file.sections.find(({ kind }) => kind === 'train');
      return train?.kind === 'train'
        ? train.items.map(({ kind, ...item }) => (kind === 'setting' && 'name' in item ? item.name.text : kind))
        : [];
    };
    assert.deepEqual(settingsOf('train {\n  batch\n  epochs 10\n  seed 3\n}'), ['batch', 'epochs', 'seed']);
    assert.deepEqual(settingsOf('train {\n  optimizer adam(lr: )\n  seed 3\n}'), ['optimizer', 'seed']);
  });
});

/** The same numbers on every machine. */
function* numbers(): Generator<number, never> {
  let state = 18;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

function texts(): readonly string[] {
  const folder = new URL('../../examples/', import.meta.url);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.amp'));
  const examples = names.sort().map((name) => readFileSync(new URL(name.replaceAll('\\', '/'), folder), 'utf8'));
  const specs = loadSpecs().flatMap(({ spec }) => ('input' in spec && typeof spec.input === 'string' ? [spec.input] : []));
  return [...examples, ...specs].filter((text) => parseAmp(text).diagnostics.length === 0 && readOf(text).stages.length > 0);
}

describe('a file of which something is deleted', () => {
  const random = numbers();
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next().value * items.length)]!;
  const all = texts();

  it('is every example and spec that has layers', () => assert.ok(all.length > 100, `${all.length}`));

  it('keeps all pipelines up to where its tail is deleted, and the sections', () => {
    for (const text of all) {
      const at = tokenEnd(pick(parseAmp(text).tokens));
      const whole = readOf(text);
      const read = readOf(text.slice(0, at));
      const shown = `${text.slice(0, at)}⟂`;
      const stages = whole.stages.filter((stage) => Number(stage.split('@')[1]) <= at);
      assert.deepEqual(
        stages.filter((stage) => !read.stages.includes(stage)),
        [],
        shown,
      );
      const sections = whole.sections.filter(({ end }) => end <= at).map(({ name }) => name);
      assert.deepEqual(
        read.sections.slice(0, sections.length).map(({ name }) => name),
        sections,
        shown,
      );
    }
  });

  it('keeps all pipelines up to a token that is deleted, and the sections around', () => {
    for (const text of all) {
      const token = pick(parseAmp(text).tokens);
      const at = token.startOffset;
      const whole = readOf(text);
      // A blank keeps apart what stood on both of its sides.
      const read = readOf(`${text.slice(0, at)} ${text.slice(tokenEnd(token))}`);
      const shown = `${text.slice(0, at)}⟂${text.slice(tokenEnd(token))}`;
      const stages = whole.stages.filter((stage) => Number(stage.split('@')[1]) <= at);
      assert.deepEqual(
        stages.filter((stage) => !read.stages.includes(stage)),
        [],
        shown,
      );
      const names = read.sections.map(({ name }) => name);
      const missing = whole.sections.filter(({ name, start, end }) => !names.includes(name) && !(start <= at && at < end));
      assert.deepEqual(missing, [], shown);
    }
  });
});

describe('a text in quotes that is not closed', () => {
  it('ends where it ends in the text', () => {
    const text = `${file()}use "ampc/blo`;
    const use = parseAmp(text).file.sections.find(({ kind }) => kind === 'use');
    assert.equal(use?.kind === 'use' && use.path.span.end, text.length);
  });
});
