import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Diagnostic, WorkspaceEdit } from 'vscode-languageserver';
import { readFileSync } from '../../src/platform/files.js';
import { definition, references, rename } from '../../src/server/names.js';
import { Session } from '../../src/server/session.js';
import { readEditorSettings } from '../../src/server/settings.js';
import { edited } from './client.js';

const BLOCKS =
  '# 🙂 блоки\r\nblock Twice(x, channels) {\r\n  x |> conv2d(channels, kernel: 3) |> relu\r\n}\r\nblock Other(x) { x |> Twice(4) }\r\n';
const NET =
  'use "./blocks.amp"\nmodel Net(image: [32, 32, 3]) -> [10] {\n  image |> Twice(channels: 8) |> Other |> flatten |> linear(10)\n}\n';

/** As VS Code writes it: everything but letters, digits and a few others with its code. */
const escaped = (path: string) =>
  `file://${path
    .split('/')
    .map(encodeURIComponent)
    .join('/')
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`;

describe('files that use others', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ampc-used-')));
  const folder = join(root, 'мой проект (a+b) @1');
  const path = (name: string) => join(folder, name);
  let session: Session;
  let told: Map<string, readonly Diagnostic[]>;

  beforeEach(() => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path('blocks.amp'), BLOCKS);
    writeFileSync(path('net.amp'), NET);
    told = new Map();
    session = new Session({
      publish: (uri, _version, diagnostics) => told.set(uri, diagnostics),
      planned: () => {},
      failed: (error) => assert.fail(String(error)),
    });
    session.folders = [root];
  });

  afterEach(() => {
    for (const { uri } of session.documents.all) session.closed(uri);
    rmSync(folder, { recursive: true });
  });

  after(() => rmSync(root, { recursive: true }));

  const open = (uri: string, text: string) => {
    session.documents.set({ uri, version: 1, text });
    session.changed();
  };
  /** The texts after a renaming, by the names of their files. */
  const renamed = (edit: WorkspaceEdit | string, texts: Readonly<Record<string, string>>) => {
    assert.ok(typeof edit !== 'string', String(edit));
    const all = Object.entries(edit.changes!).map(([uri, edits]) => {
      const name = uri.slice(uri.lastIndexOf('/') + 1);
      return [name, edited(texts[name] ?? String(readFileSync(path(name), 'utf8')), edits)] as const;
    });
    return Object.fromEntries(all);
  };

  for (const [how, uriOf] of [
    ['as VS Code does', escaped],
    ['as Node does', (file: string) => pathToFileURL(file).href],
    ['as it is', (file: string) => `file://${file}`],
  ] as const)
    it(`are joined by what is open, where the editor writes a URI ${how}`, async () => {
      const [net, blocks] = [uriOf(path('net.amp')), uriOf(path('blocks.amp'))];
      const unsaved = BLOCKS.replace('block Twice', 'block Thrice(x) { x }\r\nblock Twice');
      open(net, NET);
      open(blocks, unsaved);
      assert.equal(session.uriOf(definition(session, net, NET.indexOf('Twice'))!.source), blocks);
      const edit = rename(session, blocks, unsaved.indexOf('channels'), 'width');
      assert.deepEqual(Object.keys((edit as WorkspaceEdit).changes!).sort(), [net, blocks].sort());
      assert.deepEqual(renamed(edit, { 'net.amp': NET, 'blocks.amp': unsaved }), {
        'net.amp': NET.replace('channels', 'width'),
        'blocks.amp': unsaved.replaceAll('channels', 'width'),
      });
      session.documents.change(blocks, 2, [{ text: unsaved.replace('relu', 'rel') }]);
      session.changed();
      await breathe();
      assert.equal(told.get(net)?.[0]?.relatedInformation?.[0]?.location.uri, blocks);
    });

  it('are renamed with what they use, and with those of the workspace that use them, open or not', () => {
    const uri = pathToFileURL(path('net.amp')).href;
    open(uri, NET);
    const after = { 'net.amp': NET.replaceAll('Twice', 'Zwei'), 'blocks.amp': BLOCKS.replaceAll('Twice', 'Zwei') };
    assert.deepEqual(renamed(rename(session, uri, NET.indexOf('Twice'), 'Zwei'), {}), after);
    session.closed(uri);
    const blocks = pathToFileURL(path('blocks.amp')).href;
    open(blocks, BLOCKS);
    assert.deepEqual(renamed(rename(session, blocks, BLOCKS.indexOf('Twice'), 'Zwei'), {}), after);
    assert.equal(references(session, blocks, BLOCKS.indexOf('Twice'))!.places.length, 3);
  });

  it('keep their names where another thing has the new one in any of them', () => {
    const uri = pathToFileURL(path('net.amp')).href;
    open(uri, NET);
    assert.match(String(rename(session, uri, NET.indexOf('Twice'), 'Other')), /already stands for something else/);
    const own = `${NET}block Zwei(x) { x }\n`;
    session.documents.change(uri, 2, [{ text: own }]);
    assert.match(String(rename(session, uri, own.indexOf('Twice'), 'Zwei')), /already stands for something else/);
  });

  it('show a mistake where they name the file in which it is, also through another', async () => {
    writeFileSync(path('between.amp'), 'use "./blocks.amp"\nblock Between(x) { x |> Other }\n');
    const text = `use "ampc/blocks"\n${NET.replace('./blocks', './between').replace('Twice(channels: 8) |> Other', 'Between')}`;
    const [net, blocks] = [pathToFileURL(path('net.amp')).href, pathToFileURL(path('blocks.amp')).href];
    open(net, text);
    open(blocks, BLOCKS.replace('relu', 'rel'));
    await breathe();
    const [found, ...others] = told.get(net)!;
    assert.deepEqual([found?.code, found?.range.start, others.length], ['AMP2001', { line: 1, character: 4 }, 0]);
  });
});

describe('settings of an editor', () => {
  it('are those that it started with, as far as its configuration says nothing', () => {
    const options = { backend: 'cuda', inlayHints: { casts: false } };
    for (const given of [undefined, null, {}]) assert.deepEqual(readEditorSettings(given, options), readEditorSettings(options));
    const { backend, hints } = readEditorSettings({ inlayHints: false }, options);
    assert.deepEqual([backend, hints.shapes], ['cuda', false]);
  });
});
