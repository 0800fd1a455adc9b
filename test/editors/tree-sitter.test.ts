import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LINES } from '../../src/lower/lines.js';
import { parseAmp } from '../../src/parser/parse.js';
import { loadSpecs, ROOT } from '../spec-runner.js';
import { skip } from '../support/skip.js';
import { compilerNodes, readTree, treeSitterNodes } from './trees.js';

const GRAMMAR = path.join(ROOT, 'editors', 'tree-sitter-ampc');
const CLI = process.env['AMPC_TEST_TREE_SITTER'] ?? 'tree-sitter';

interface Text {
  readonly name: string;
  readonly text: string;
  /** It is a spec of what is wrong with it. */
  readonly faulty: boolean;
}

function files(folder: string): readonly Text[] {
  const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.amp'));
  return names.sort().map((name) => ({
    name: `${folder}/${name}`,
    text: readFileSync(path.join(ROOT, folder, name), 'utf8'),
    faulty: false,
  }));
}

const texts: readonly Text[] = [
  ...['examples', 'library', 'test', 'bench'].flatMap(files),
  ...loadSpecs().flatMap(({ name, spec: { input, expect } }) =>
    typeof input === 'string' ? [{ name, text: input, faulty: /AMP\d{4}/.test(JSON.stringify(expect)) }] : [],
  ),
];

describe("tree-sitter's grammar", () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ampc-tree-sitter-'));
  const run = (...args: readonly string[]) =>
    spawnSync(CLI, args, {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1e9,
      env: { ...process.env, XDG_CACHE_HOME: path.join(folder, 'cache') },
    });

  before(function () {
    if (run('--version').status !== 0) {
      skip(this, "tree-sitter's command line is not installed (scripts/install-tree-sitter.sh); AMPC_TEST_TREE_SITTER names it");
    }
    cpSync(GRAMMAR, folder, { recursive: true });
    const { status, stderr } = run('generate');
    assert.equal(status, 0, stderr);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('makes of every example, spec and fixture without a fault what the compiler makes of it', () => {
    texts.forEach(({ text }, index) => {
      writeFileSync(path.join(folder, `${index}.amp`), text);
    });
    writeFileSync(path.join(folder, 'list'), texts.map((_, index) => `${index}.amp`).join('\n'));
    const trees = run('parse', '--paths', 'list')
      .stdout.split(/^(?=\(file )/m)
      .filter((tree) => tree.startsWith('(file'));
    assert.equal(trees.length, texts.length);
    let compared = 0;
    texts.forEach(({ name, text, faulty }, index) => {
      const { file, diagnostics } = parseAmp(text);
      const broken = /ERROR|MISSING/.test(trees[index]!);
      if (diagnostics.length > 0 || (faulty && broken)) return;
      assert.ok(!broken, `${name}: ${trees[index]}`);
      const tree = readTree(trees[index]!, text);
      assert.deepEqual(treeSitterNodes(tree, text), compilerNodes(file), name);
      compared++;
    });
    assert.ok(compared > 100, `only ${compared} texts have no fault`);
  });

  it('knows every kind of line that a section may have', () => {
    for (const [kind, { section, word, hasValue }] of Object.entries(LINES)) {
      const rest = kind === 'keep' ? 'in fp32' : kind === 'parameter_group' ? '{ }' : hasValue ? 'zeros' : '';
      const text = `${section} { ${word} fc ${rest} }\n`;
      assert.deepEqual(parseAmp(text).diagnostics, [], text);
      writeFileSync(path.join(folder, 'line.amp'), text);
      assert.match(run('parse', 'line.amp').stdout, new RegExp(`\\(${kind} `), text);
    }
  });

  it('highlights by names of nodes that the grammar has', () => {
    for (const query of readdirSync(path.join(GRAMMAR, 'queries'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.scm'),
    )) {
      writeFileSync(path.join(folder, 'one.amp'), 'train { batch 64 }\n');
      const { status, stderr } = run('query', path.join('queries', query), 'one.amp');
      assert.equal(status, 0, `${query}: ${stderr}`);
    }
  });
});
