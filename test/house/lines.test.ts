import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const LONGEST = 140;
const MOST_LINES = 250;

/** Lines of a regular expression, which cannot be broken. */
const isPattern = (line: string) => /^\s*\/(?![/*]).*\/[a-z]*,?;?$/.test(line);

interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
}

function filesIn(folder: string): readonly SourceFile[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|mjs)$/.test(file));
  return files.map((file) => {
    const path = `${folder}/${file}`;
    return { path, lines: readFileSync(path, 'utf8').trimEnd().split('\n') };
  });
}

const longLines = ({ path, lines }: SourceFile): readonly string[] =>
  lines.flatMap((line, index) => (line.length <= LONGEST || isPattern(line) ? [] : [`${path}:${index + 1}`]));

describe('lines', () => {
  it(`have at most ${LONGEST} columns, also those of comments and templates, which the formatter leaves alone`, () => {
    assert.deepEqual(['src', 'test', 'bench', 'scripts', 'web', 'editors/vscode/src'].flatMap(filesIn).flatMap(longLines), []);
  });

  it(`are at most ${MOST_LINES} in a file of src, so that each file is about one thing`, () => {
    const files = filesIn('src');
    assert.ok(files.length > 100);
    assert.deepEqual(
      files.flatMap(({ path, lines }) => (lines.length <= MOST_LINES ? [] : [`${path}: ${lines.length} lines`])),
      [],
    );
  });
});
