import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PRINTS_OR_EXITS = /\bconsole\.\w+\(|\bprocess\.(exit|exitCode|stdout|stderr)\b/;

it('only src/cli prints or exits', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts') && !/^cli[\\/]/.test(path));
  assert.ok(files.length > 100);
  const code = (path: string) => readFileSync(join('src', path), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  assert.deepEqual(
    files.filter((path) => PRINTS_OR_EXITS.test(code(path))),
    [],
  );
});
