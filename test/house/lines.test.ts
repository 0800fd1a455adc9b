import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const LONGEST = 140;

/** Lines of a regular expression, which cannot be broken. */
const isPattern = (line: string) => /^\s*\/(?![/*]).*\/[a-z]*,?;?$/.test(line);

function longLines(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|mjs)$/.test(file));
  return files.flatMap((file) => {
    const lines = readFileSync(`${folder}/${file}`, 'utf8').split('\n');
    return lines.flatMap((line, index) => (line.length <= LONGEST || isPattern(line) ? [] : [`${folder}/${file}:${index + 1}`]));
  });
}

describe('lines', () => {
  it(`have at most ${LONGEST} columns, also those of comments and templates, which the formatter leaves alone`, () => {
    assert.deepEqual(['src', 'test', 'bench', 'scripts'].flatMap(longLines), []);
  });
});
