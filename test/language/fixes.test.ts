import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Diagnostic, Source } from '../../src/diagnostics/diagnostic.js';
import { applyEdits } from '../../src/diagnostics/fixes.js';
import { fixSource } from '../../src/language/fix.js';
import { checkSource } from '../../src/lower/lower.js';
import { loadSpecs } from '../spec-runner.js';
import { ampc } from '../support/cli.js';

/** Texts that a fix says to write, and that no change of the text can be made of, with why. */
const WITHOUT_EDITS: readonly RegExp[] = [
  /^write `(?:model|block) \w+\(/, // the parentheses may hold anything
  /^write `dataset /, // one of several
  /^write `use "/,
  /^write `keep /,
  /^write `let \w+ = share /, // in two places, with a name of the writer's
  /, or /, // one of two
  /^write `-> \[10\]`/, // an example
  /^write `[\w.]+ \|> \w+`$/, // a call with more than the value
  /^did you mean `not` or `!=`/,
  /^did you mean `pow\(BASE/,
];

interface Found {
  readonly name: string;
  readonly source: Source;
  readonly diagnostic: Diagnostic;
}

function findings(): readonly Found[] {
  return loadSpecs().flatMap(({ name, spec, path }) => {
    const { stage } = spec;
    if (!('input' in spec) || typeof spec.input !== 'string' || !['parse', 'check', 'fmt', 'lower', 'lint'].includes(stage)) return [];
    const source = { path: join(path, '..', `${name.split('/').at(-1)}.amp`), text: spec.input };
    return checkSource(source).map((diagnostic) => ({ name, source, diagnostic }));
  });
}

const key = ({ code, message }: Diagnostic) => `${code} ${message}`;

describe('fixes', () => {
  const found = findings();

  it('carry the change of the text where they say what to write', () => {
    const without = found.filter(({ diagnostic: { fix, edits } }) => {
      const says = /^(?:write `|did you mean `)/.test(fix ?? '');
      return says && (edits ?? []).length === 0 && !WITHOUT_EDITS.some((pattern) => pattern.test(fix!));
    });
    assert.deepEqual(
      without.map(({ name, diagnostic }) => `${name}: ${diagnostic.message}: ${diagnostic.fix}`),
      [],
    );
  });

  it('end the mistake when their change is made', () => {
    const fixable = found.filter(({ diagnostic: { edits, source } }) => (edits ?? []).length > 0 && source === undefined);
    assert.ok(fixable.length > 40, `${fixable.length}`);
    for (const { name, source, diagnostic } of fixable) {
      const before = checkSource(source).filter((other) => key(other) === key(diagnostic)).length;
      const text = applyEdits(source.text, diagnostic.edits!);
      const after = checkSource({ ...source, text }).filter((other) => key(other) === key(diagnostic)).length;
      assert.ok(after < before, `${name}: ${key(diagnostic)}: ${diagnostic.fix}\n${text}`);
    }
  });

  it('are made together, as long as each leaves fewer mistakes', () => {
    const body = 'image |> conv2d(8, kernal = 3) |> rleu |> flatten |> linear(10)';
    const model = `dataset cifer10 {}\nmodel Net(image: [32, 32, 3]) -> [10] {\n  ${body}\n}\n`;
    const text = `${model}train { epohcs 1_0 batch 64px optimizer adm(lr: .1) }\n`;
    const { text: fixed, fixed: made } = fixSource({ path: 'x.amp', text });
    assert.deepEqual(
      checkSource({ path: 'x.amp', text: fixed })
        .filter(({ severity }) => severity === 'error')
        .map(key),
      [],
      fixed,
    );
    assert.match(fixed, /kernel ?: 3\) \|> relu \|> flatten/);
    assert.match(fixed, /epochs 10 batch 64 optimizer adam\(lr: 0\.1\)/);
    assert.ok(made.length >= 7);
  });
});

describe('ampc check --fix', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ampc-fix-'));
  const model = (relu: string) => `model Net(image: [32, 32, 3]) -> [10] {\n  image |> ${relu} |> flatten |> linear(10)\n}\n`;

  it('writes into the files, and reports what is left', async () => {
    const file = join(folder, 'a.amp');
    writeFileSync(file, `${model('rleu')}train { batch frog }\n`);
    const { code, stderr, stdout } = await ampc('check', '--fix', file);
    assert.equal(code, 1);
    assert.equal(readFileSync(file, 'utf8'), `${model('relu')}train { batch frog }\n`);
    assert.match(stdout + stderr, /fixed 1 mistake/);
    assert.match(stderr, /unknown name `frog`/);
  });

  it('changes no file that has no mistakes', async () => {
    const file = join(folder, 'b.amp');
    writeFileSync(file, model('relu'));
    assert.equal((await ampc('check', '--fix', file)).code, 0);
    assert.equal(readFileSync(file, 'utf8'), model('relu'));
  });

  it('says what changes with --json, as lines and columns', async () => {
    const file = join(folder, 'c.amp');
    writeFileSync(file, model('rleu'));
    const { stdout } = await ampc('check', '--json', file);
    const [line] = stdout.split('\n');
    const { edits, start, end } = JSON.parse(line!) as { edits: unknown[]; start: unknown; end: unknown };
    assert.deepEqual(edits, [{ start, end, text: 'relu' }]);
    assert.deepEqual(start, { line: 2, column: 12 });
  });

  it('takes no standard input', async () => {
    assert.equal((await ampc('check', '--fix', '-')).code, 2);
  });
});
