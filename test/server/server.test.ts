import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type CodeAction,
  CodeActionRequest,
  CodeLensRequest,
  CompletionRequest,
  DefinitionRequest,
  DiagnosticSeverity,
  DocumentFormattingRequest,
  DocumentRangeFormattingRequest,
  type DocumentSymbol,
  DocumentSymbolRequest,
  ExecuteCommandRequest,
  FoldingRangeRequest,
  HoverRequest,
  type InitializeResult,
  InlayHintRequest,
  type Location,
  type MarkupContent,
  PrepareRenameRequest,
  ReferencesRequest,
  RenameRequest,
  SemanticTokensRequest,
  SignatureHelpRequest,
} from 'vscode-languageserver-protocol/node';
import { formatAmp } from '../../src/parser/format.js';
import type { PlanView } from '../../src/server/plan-view.js';
import { EditorClient, edited, positionOf } from './client.js';

const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

# 🙂 two of them
block Twice(x, channels = 8) {
  x |> conv2d(channels, kernel: 3, padding: 1) as conv |> relu
}

model Net(image: [32, 32, 3]) -> [10] {
  image |> Twice(16) as first |> max_pool2d(2) |> Twice(32) as second
  |> flatten |> linear(10) as fc
}

precision {
  compute fp16
  keep fc in fp32
}

train { batch 8  optimizer adam(lr: 1e-3) }
`;

describe('ampc lsp', function () {
  this.timeout(60_000);
  let client: EditorClient;
  let result: InitializeResult;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ampc-lsp-')));
  const uriOf = (name: string) => pathToFileURL(join(folder, name)).href;
  const uri = uriOf('net.amp');
  const whole = { start: { line: 0, character: 0 }, end: { line: 1000, character: 0 } };

  before(async () => {
    ({ client, result } = await EditorClient.start({ commands: ['ampc.train'] }));
    await client.planned(() => client.open(uri, NET));
  });

  after(async () => {
    assert.equal(await client.stop(), 0);
    assert.equal(client.errors, '');
  });

  const at = (part: string, after = 0) => ({ textDocument: { uri }, position: positionOf(NET, part, after) });

  it('says what it can do', () => {
    assert.equal(result.serverInfo?.name, 'ampc');
    assert.equal(result.capabilities.positionEncoding, 'utf-16');
    assert.ok(result.capabilities.inlayHintProvider && result.capabilities.renameProvider);
  });

  it('shows mistakes as one types, with a fix and related places, and takes them back', async () => {
    const wrong = NET.replace('|> flatten', '|> flaten');
    await client.change(uri, wrong);
    const [found, ...others] = await client.diagnostics(uri, (all) => all.length > 0);
    assert.deepEqual(others, []);
    assert.equal(found!.code, 'AMP2001');
    assert.equal(found!.severity, DiagnosticSeverity.Error);
    assert.deepEqual(found!.range.start, positionOf(wrong, 'flaten'));
    const actions = (await client.connection.sendRequest(CodeActionRequest.type, {
      textDocument: { uri },
      range: found!.range,
      context: { diagnostics: [found!] },
    })) as CodeAction[];
    const fix = actions.find(({ kind }) => kind === 'quickfix')!;
    assert.equal(fix.title, 'Change to `flatten`');
    assert.equal(edited(wrong, fix.edit!.changes![uri]!), NET);
    const twice = NET.replace('as second', 'as first');
    await client.change(uri, twice);
    const [double] = await client.diagnostics(uri, ([first]) => first?.code === 'AMP2007');
    assert.deepEqual(double!.relatedInformation?.[0]?.location.range.start, positionOf(twice, 'as first', 3));
    await client.planned(() => client.change(uri, NET));
    assert.deepEqual(await client.diagnostics(uri), []);
  });

  it('takes changes of a part of the text, behind characters of two units and with every line break', async () => {
    const emoji = NET.replaceAll('\n', '\r\n').replace('image |> Twice', '"🙂🙂"  image |> Twice');
    const other = uriOf('crlf.amp');
    await client.open(other, emoji);
    await client.diagnostics(other, (all) => all.length > 0);
    const start = positionOf(emoji, '"🙂🙂"  ');
    await client.change(other, '', { start, end: { ...start, character: start.character + 8 } });
    assert.deepEqual(await client.diagnostics(other, (all) => all.length === 0), []);
    const wrong = positionOf(emoji.replace('"🙂🙂"  ', ''), 'flatten');
    await client.change(other, 'flaten', { start: wrong, end: { ...wrong, character: wrong.character + 7 } });
    const [found] = await client.diagnostics(other, (all) => all.length > 0);
    assert.deepEqual(found!.range.start, wrong);
    await client.close(other);
  });

  it('completes', async () => {
    const list = await client.connection.sendRequest(CompletionRequest.type, at('max_pool2d', 3));
    const items = Array.isArray(list) ? list : list!.items;
    const item = items.find(({ label }) => label === 'max_pool2d')!;
    assert.ok(items.some(({ label }) => label === 'Twice'));
    assert.ok(item.textEdit && 'range' in item.textEdit);
    assert.deepEqual(item.textEdit.range, { start: positionOf(NET, 'max_pool2d'), end: positionOf(NET, 'max_pool2d', 10) });
  });

  it('shows what parentheses take', async () => {
    const help = await client.connection.sendRequest(SignatureHelpRequest.type, at('kernel: 3', 8));
    const [signature] = help!.signatures;
    assert.match(signature!.label, /^conv2d\(/);
    assert.match(String(signature!.parameters![help!.activeParameter!]!.label), /^kernel/);
  });

  it('tells of a layer what the plan does with it', async () => {
    const hover = await client.connection.sendRequest(HoverRequest.type, at('conv2d(channels', 2));
    const { value } = hover!.contents as MarkupContent;
    for (const part of ['**first.conv** [32, 32, 16] fp16', '**second.conv**', 'parameters', 'Mflop'])
      assert.ok(value.includes(part), value);
  });

  it('hints at shapes, formats and casts, as far as they are switched on', async () => {
    const hints = async () => (await client.connection.sendRequest(InlayHintRequest.type, { textDocument: { uri }, range: whole }))!;
    const labels = (await hints()).map(({ label }) => label);
    assert.ok(labels.includes('[10] fp32'), labels.join());
    assert.ok(labels.some((label) => String(label).startsWith('⇄')));
    const settings = (inlayHints: unknown) =>
      client.connection.sendNotification('workspace/didChangeConfiguration', { settings: { ampc: { inlayHints } } });
    await settings({ formats: false, casts: false });
    assert.ok((await hints()).every(({ label }) => /^\[[\d, /[\]]+\]$/.test(String(label))));
    await settings(false);
    assert.deepEqual(await hints(), []);
    await settings({});
  });

  it('goes to definitions, finds references, and renames', async () => {
    const definition = (await client.connection.sendRequest(DefinitionRequest.type, at('Twice(16)'))) as Location;
    assert.deepEqual(definition.range.start, positionOf(NET, 'Twice(x'));
    const references = await client.connection.sendRequest(ReferencesRequest.type, {
      ...at('Twice(16)'),
      context: { includeDeclaration: false },
    });
    assert.equal(references!.length, 2);
    assert.ok(await client.connection.sendRequest(PrepareRenameRequest.type, at('channels = 8')));
    const edit = await client.connection.sendRequest(RenameRequest.type, { ...at('channels = 8'), newName: 'width' });
    assert.equal(edited(NET, edit!.changes![uri]!), NET.replaceAll('channels', 'width'));
    await assert.rejects(client.connection.sendRequest(RenameRequest.type, { ...at('channels = 8'), newName: 'x' }), /already stands/);
  });

  it('outlines, folds, colours and formats', async () => {
    const symbols = (await client.connection.sendRequest(DocumentSymbolRequest.type, { textDocument: { uri } })) as DocumentSymbol[];
    assert.deepEqual(
      symbols.map(({ name }) => name),
      ['dataset cifar10', 'Twice', 'Net', 'precision', 'train'],
    );
    assert.deepEqual(
      symbols[2]!.children!.map(({ name }) => name),
      ['first', 'second', 'fc'],
    );
    const folds = await client.connection.sendRequest(FoldingRangeRequest.type, { textDocument: { uri } });
    assert.equal(folds!.length, 3);
    const tokens = await client.connection.sendRequest(SemanticTokensRequest.type, { textDocument: { uri } });
    assert.equal(tokens!.data.length % 5, 0);
    const untidy = NET.replace('image |>', 'image   |>');
    await client.change(uri, untidy);
    const options = { tabSize: 2, insertSpaces: true };
    const edits = await client.connection.sendRequest(DocumentFormattingRequest.type, { textDocument: { uri }, options });
    assert.equal(edited(untidy, edits!), formatAmp(untidy));
    const lines = (part: string) => ({ start: positionOf(untidy, part), end: positionOf(untidy, part, 5) });
    const within = async (part: string) =>
      client.connection.sendRequest(DocumentRangeFormattingRequest.type, { textDocument: { uri }, options, range: lines(part) });
    assert.deepEqual(await within('|> flatten'), []);
    const partly = edited(untidy, (await within('image   |>'))!);
    assert.match(partly, /\n {2}image |> Twice/);
    assert.equal(partly.slice(partly.indexOf('\ntrain')), untidy.slice(untidy.indexOf('\ntrain')));
    await client.planned(() => client.change(uri, NET));
  });

  it('has above the model its size, and the commands that the editor has', async () => {
    const lenses = await client.connection.sendRequest(CodeLensRequest.type, { textDocument: { uri } });
    const titles = lenses!.map(({ command }) => command!.title);
    assert.match(titles[0]!, /^[\d,]+ parameters · [\d.]+ [KM]iB of states and values/);
    assert.deepEqual(titles.slice(1), ['train']);
  });

  it('keeps a layer in fp32, and says why a cast is there', async () => {
    const actionsAt = async (part: string, after = 0) => {
      const start = positionOf(NET, part, after);
      return (await client.connection.sendRequest(CodeActionRequest.type, {
        textDocument: { uri },
        range: { start, end: start },
        context: { diagnostics: [] },
      })) as CodeAction[];
    };
    const actions = await actionsAt('conv2d(channels');
    for (const [part, after] of [
      ['padding: 1', 2],
      ['as conv', 1],
      ['as conv', 'as conv'.length],
    ] as const)
      assert.deepEqual(await actionsAt(part, after), actions, `${part} ${after}`);
    assert.deepEqual(await actionsAt('x, channels'), []);
    const keep = actions.find(({ title }) => /fp32/.test(title))!;
    assert.ok(edited(NET, keep.edit!.changes![uri]!).includes('  keep fc in fp32\n  keep "*.conv" in fp32\n'));
    const { command } = actions.find(({ title }) => title === 'Why this cast?')!;
    const said = await client.connection.sendRequest(ExecuteCommandRequest.type, command!);
    assert.match(String(said), /rounds .* from f32 to f16/);
  });

  it('draws the plan as a graph, whose layers say where the text makes them', async () => {
    const view = await client.connection.sendRequest<PlanView>('ampc/planView', { uri, nonce: 'abc' });
    assert.match(view.html, /parameters[\s\S]*<svg [\s\S]*<title>cast from f16 to f32, [\s\S]*<title>second\.conv: f16, gradient f16\. /);
    assert.deepEqual(view.layers['first.conv']!.start, positionOf(NET, 'conv2d(channels'));
    assert.deepEqual(view.layers.fc!.end, positionOf(NET, 'linear(10)', 'linear(10)'.length));
    assert.equal(await client.connection.sendRequest('ampc/planView', { uri: uriOf('unknown.amp'), nonce: '' }), null);
  });

  it('marks a pin that changes nothing', async () => {
    await client.change(uri, NET.replace('keep fc in fp32', 'keep cross_entropy in fp32'));
    const [found] = await client.diagnostics(uri, (all) => all.length > 0);
    assert.equal(found!.severity, DiagnosticSeverity.Hint);
    assert.match(String(found!.message), /changes nothing/);
    const [fix] = (await client.connection.sendRequest(CodeActionRequest.type, {
      textDocument: { uri },
      range: found!.range,
      context: { diagnostics: [found!] },
    })) as CodeAction[];
    assert.equal(fix!.title, 'Remove the line');
    assert.equal(
      edited(NET.replace('keep fc in fp32', 'keep cross_entropy in fp32'), fix!.edit!.changes![uri]!),
      NET.replace('  keep fc in fp32\n', ''),
    );
    await client.planned(() => client.change(uri, NET));
  });

  it('follows documents that use others, saved or not', async () => {
    const [main, blocks] = [uriOf('main.amp'), uriOf('blocks.amp')];
    const block = 'block Twice(x, channels) {\n  x |> conv2d(channels, kernel: 3, padding: 1) |> relu\n}\n';
    const text = 'use "./blocks.amp"\nmodel Net(image: [32, 32, 3]) -> [10] {\n  image |> Twice(8) |> flatten |> linear(10)\n}\n';
    writeFileSync(join(folder, 'blocks.amp'), block);
    await client.open(main, text);
    assert.deepEqual(await client.diagnostics(main), []);
    const place = { textDocument: { uri: main }, position: positionOf(text, 'Twice') };
    const definition = (await client.connection.sendRequest(DefinitionRequest.type, place)) as Location;
    assert.equal(definition.uri, blocks);
    const other = block.replace('Twice', 'Thrice');
    await client.open(blocks, other);
    const edit = await client.connection.sendRequest(RenameRequest.type, {
      textDocument: { uri: blocks },
      position: positionOf(other, 'channels'),
      newName: 'width',
    });
    assert.equal(edited(other, edit!.changes![blocks]!), other.replaceAll('channels', 'width'));
    const [lost] = await client.diagnostics(main, (all) => all.length > 0);
    assert.match(String(lost!.message), /unknown layer `Twice`\n(?:.*\n)*.*did you mean `Thrice`/);
    await client.close(blocks);
    assert.deepEqual(await client.diagnostics(main, (all) => all.length === 0), []);
    assert.deepEqual(client.registered.get('workspace/didChangeWatchedFiles'), { watchers: [{ globPattern: '**/*.amp' }] });
    writeFileSync(join(folder, 'blocks.amp'), other);
    await client.changedFiles(blocks);
    assert.equal((await client.diagnostics(main, (all) => all.length > 0)).length, 1);
    rmSync(join(folder, 'blocks.amp'));
    await client.changedFiles(blocks);
    const [missing] = await client.diagnostics(main, (all) => all.some(({ code }) => code === 'AMP2017'));
    assert.deepEqual(missing!.range.start, positionOf(text, '"./blocks.amp"'));
    await client.close(main);
  });
});
