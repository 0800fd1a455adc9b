import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

function checkImports(root?: string) {
  return spawnSync(process.execPath, ['scripts/check-imports.mjs', ...(root === undefined ? [] : [root])], { encoding: 'utf8' });
}

describe('import rules', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'ampc-imports-'));
  });

  afterEach(() => rmSync(root, { recursive: true }));

  function tree(files: Readonly<Record<string, string>>): string {
    for (const [path, text] of Object.entries({ 'tsconfig.json': '{}', ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  it('hold in src', () => {
    const { status, stdout, stderr } = checkImports();
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^[1-9]\d+ modules, [1-9]\d+ imports, 0 violations$/m);
  });

  it('refuse an import against the flow, also of a type', () => {
    const { status, stderr } = checkImports(
      tree({ 'src/ops/a.ts': "import type { B } from '../plan/b.js';\nexport type A = B;\n", 'src/plan/b.ts': 'export type B = 1;\n' }),
    );
    assert.equal(status, 1);
    assert.match(stderr, /imports-of-ops: src\/ops\/a\.ts -> src\/plan\/b\.ts/);
  });

  it('refuse files that need each other, even for a type alone', () => {
    const { status, stderr } = checkImports(
      tree({
        'src/ops/a.ts': "import type { B } from './b.js';\nexport type A = B;\nexport const a = 1;\n",
        'src/ops/b.ts': "import { a } from './a.js';\nexport type B = 1;\nexport const b = a;\n",
      }),
    );
    assert.equal(status, 1);
    assert.match(stderr, /no-circular: src\/ops\//);
  });

  it('refuse one backend importing another', () => {
    const { status, stderr } = checkImports(
      tree({ 'src/runtime/cpu/a.ts': "export { b } from '../reference/b.js';\n", 'src/runtime/reference/b.ts': 'export const b = 1;\n' }),
    );
    assert.equal(status, 1);
    assert.match(stderr, /runtime-siblings: src\/runtime\/cpu\/a\.ts -> src\/runtime\/reference\/b\.ts/);
  });

  it('refuse what only Node has in a module that a browser runs too, unless it has another of the name beside it', () => {
    const files = { 'src/ops/a.ts': "export { readFileSync } from 'node:fs';\n", 'src/ops/b.ts': "export { a } from './a.js';\n" };
    const { status, stderr } = checkImports(tree(files));
    assert.equal(status, 1);
    assert.match(stderr, /node-in-its-place: src\/ops\/a\.ts -> (node:)?fs/);
    assert.equal(checkImports(tree({ ...files, 'src/ops/a.browser.ts': 'export const readFileSync = 1;\n' })).status, 0);
  });

  it('are not satisfied by an empty tree', () => {
    assert.equal(checkImports(tree({ 'src/ops/a.ts': 'export const a = 1;\n' })).status, 1);
  });
});
