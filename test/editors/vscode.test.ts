import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { plainService } from '../../src/language/service.js';
import { planView } from '../../src/server/plan-view.js';
import { DEFAULT_SETTINGS, readEditorSettings } from '../../src/server/settings.js';
import { ROOT } from '../spec-runner.js';
import { findChromium } from '../support/chromium.js';
import { skip } from '../support/skip.js';

const EXTENSION = path.join(ROOT, 'editors', 'vscode');

interface Manifest {
  readonly main: string;
  readonly contributes: {
    readonly languages: readonly { readonly id: string; readonly configuration: string }[];
    readonly grammars: readonly { readonly language: string; readonly scopeName: string; readonly path: string }[];
    readonly snippets: readonly { readonly language: string; readonly path: string }[];
    readonly commands: readonly { readonly command: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly default: unknown }>> };
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
  };
}

const manifest = JSON.parse(readFileSync(path.join(EXTENSION, 'package.json'), 'utf8')) as Manifest;

/** A value whose every member can be called, constructed, extended and read; `members` are what they say. */
function anything(members: Readonly<Record<string, unknown>>): unknown {
  class Nothing {}
  const value: unknown = new Proxy(Nothing, {
    get: (target, key) => {
      if (typeof key === 'string' && key in members) return members[key];
      if (key === 'prototype') return target.prototype;
      return key === 'then' || typeof key === 'symbol' ? undefined : anything({});
    },
    apply: () => anything({}),
  });
  return value;
}

describe('the VS Code extension', () => {
  it('contributes files that exist, of the one language that it declares', () => {
    const { languages, grammars, snippets } = manifest.contributes;
    assert.deepEqual(
      [...grammars, ...snippets].map(({ language }) => language),
      ['ampc', 'ampc'],
    );
    assert.deepEqual(
      languages.map(({ id }) => id),
      ['ampc'],
    );
    const files = [
      ...languages.map(({ configuration }) => configuration),
      ...grammars.map((one) => one.path),
      ...snippets.map((one) => one.path),
    ];
    for (const file of files) assert.ok(JSON.parse(readFileSync(path.join(EXTENSION, file), 'utf8')), file);
    const { scopeName } = JSON.parse(readFileSync(path.join(EXTENSION, grammars[0]!.path), 'utf8')) as { scopeName: string };
    assert.equal(scopeName, grammars[0]!.scopeName);
  });

  it('has on its page of settings what the server reads, with the same defaults', () => {
    const given: Record<string, unknown> = {};
    for (const [name, { default: fallback }] of Object.entries(manifest.contributes.configuration.properties)) {
      const [, group, part] = name.split('.');
      if (part === undefined) given[group!] = fallback;
      else given[group!] = { ...(given[group!] as object | undefined), [part]: fallback };
    }
    const { path: _started, backend, inlayHints } = given;
    assert.deepEqual({ backend, hints: inlayHints }, DEFAULT_SETTINGS);
    const switched = Object.keys(DEFAULT_SETTINGS.hints).map((name) => readEditorSettings({ inlayHints: { [name]: false } }).hints);
    assert.equal(new Set(switched.map((hints) => JSON.stringify(hints))).size, 3);
  });

  it('is packaged, and registers the commands that it contributes', function () {
    const tools = path.join(EXTENSION, 'node_modules', '.bin');
    if (!existsSync(path.join(tools, 'vsce'))) skip(this, 'the tools of the extension are not installed (npm ci --prefix editors/vscode)');
    const folder = mkdtempSync(path.join(tmpdir(), 'ampc-vscode-'));
    try {
      const packaged = path.join(folder, 'ampc.vsix');
      const bundle = path.join(folder, 'extension.js');
      const run = (...words: readonly string[]) => {
        const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', ...words], { cwd: EXTENSION, encoding: 'utf8' });
        assert.equal(status, 0, stdout + stderr);
      };
      run('types');
      run('build', '--', `--outfile=${bundle}`);
      run('package', '--', '--out', packaged);
      assert.ok(existsSync(packaged));

      const commands: string[] = [];
      const registerCommand = (name: string) => {
        commands.push(name);
        return { dispose() {} };
      };
      const loaded = new Module(bundle) as Module & { _compile(text: string, file: string): void };
      // A bundle copies the properties of a module that are its own, and reads the others through the prototype.
      const vscode = Object.create(anything({ commands: anything({ registerCommand }) }) as object) as object;
      loaded.require = Object.assign((name: string) => (name === 'vscode' ? vscode : Module.createRequire(bundle)(name)), loaded.require);
      loaded._compile(readFileSync(bundle, 'utf8'), bundle);
      const { activate } = loaded.exports as { activate(context: { subscriptions: unknown[] }): Promise<void> };
      void activate({ subscriptions: [] }).catch(() => {});
      const contributed = manifest.contributes.commands.map(({ command }) => command);
      assert.deepEqual(commands.sort(), [...contributed].sort());
      for (const { command } of Object.values(manifest.contributes.menus).flat()) assert.ok(contributed.includes(command), command);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('shows a plan as a graph, in which a click on a layer names it and nothing else runs', async function () {
    const program = findChromium();
    if (program === undefined) skip(this, 'no chromium on the PATH');
    const text = readFileSync(path.join(ROOT, 'examples', 'simple-cnn.amp'), 'utf8');
    const service = plainService();
    const analysis = service.update('net.amp', { path: 'net.amp', text });
    const { plan } = await service.plan('net.amp');
    const view = planView(analysis, plan!, 'abc');
    const browser = await chromium.launch({ executablePath: program!, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      const said: string[] = [];
      page.on('console', (message) => said.push(message.text()));
      page.on('pageerror', (error) => said.push(String(error)));
      await page.addInitScript('window.posted = []; window.acquireVsCodeApi = () => ({ postMessage: (name) => posted.push(name) })');
      await page.goto('about:blank');
      await page.setContent(view.html.replace('</body>', '<script>posted.push("not ours")</script></body>'));
      assert.match((await page.textContent('p'))!, /parameters/);
      await page.click('text=conv2d [64, 16, 16, 64]');
      assert.deepEqual(await page.evaluate('posted'), ['conv2']);
      assert.ok(Object.hasOwn(view.layers, 'conv2'));
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0]!, /Content Security Policy/);
    } finally {
      await browser.close();
    }
  });
});
