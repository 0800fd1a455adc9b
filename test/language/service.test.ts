import assert from 'node:assert/strict';
import { setImmediate as breathe } from 'node:timers/promises';
import { applyEdits } from '../../src/diagnostics/fixes.js';
import { Analysis } from '../../src/language/analysis.js';
import { completionsAt } from '../../src/language/completion.js';
import { formatEdits, keepInFp32 } from '../../src/language/edits.js';
import { hintsIn } from '../../src/language/hints.js';
import { hoverAt } from '../../src/language/hover.js';
import { type Renaming, renameIn } from '../../src/language/rename.js';
import { runValue } from '../../src/language/run-values.js';
import { LanguageService, plainHost } from '../../src/language/service.js';
import { signatureAt } from '../../src/language/signature.js';

const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }

block Twice(x, channels = 8) {
  x |> conv2d(channels, kernel: 3, padding: 1) as conv |> relu
}

let width = 16

model Net(image: [32, 32, 3]) -> [10] {
  let stem = image |> conv2d(width, kernel: 3, padding: 1) as stem_conv |> relu
  stem |> Twice(width) as first |> max_pool2d(2) |> Twice(2 * width) as second
  |> flatten |> linear(10) as fc
}

precision {
  compute fp16
  keep fc in fp32
}

train { batch 8  optimizer adam(lr: 1e-3) }
`;

/** A text with `⟂` where the cursor is. */
function at(text: string): { readonly analysis: Analysis; readonly offset: number } {
  const offset = text.indexOf('⟂');
  return { analysis: new Analysis({ path: 'x.amp', text: text.replace('⟂', '') }), offset };
}

function labels(text: string): readonly string[] {
  const { analysis, offset } = at(text);
  return completionsAt(analysis, offset).items.map(({ label }) => label);
}

const OPTIONS = { shapes: true, formats: true, casts: true };

function shapesOf(text: string): readonly string[] {
  const analysis = new Analysis({ path: 'x.amp', text });
  return hintsIn(analysis, undefined, { start: 0, end: text.length }, OPTIONS).map((hint) => hint.text);
}

async function planned(text: string) {
  const service = new LanguageService(plainHost(() => breathe()));
  const analysis = service.update('x.amp', { path: 'x.amp', text });
  const { plan, diagnostics } = await service.plan('x.amp');
  assert.ok(plan);
  return { service, analysis, plan, diagnostics };
}

describe('the language service', () => {
  it('knows the shapes of stages, of blocks by call', () => {
    assert.deepEqual(shapesOf(NET), [
      '[32, 32, 16] / [16, 16, 32]',
      '[32, 32, 16] / [16, 16, 32]',
      '[32, 32, 16]',
      '[32, 32, 16]',
      '[32, 32, 16]',
      '[16, 16, 16]',
      '[16, 16, 32]',
      '[8192]',
      '[10]',
    ]);
  });

  it('keeps the shapes up to a syntax error', () => {
    const shapes = shapesOf(NET.replace('|> flatten', '|> conv2d(4, kernel: '));
    assert.deepEqual(shapes.slice(0, 7), shapesOf(NET).slice(0, 7));
    assert.deepEqual(shapesOf(NET.replace('-> [10]', '->')), shapesOf(NET));
  });

  it('says of each setting what a run has, whatever the file says', async () => {
    const { analysis, plan } = await planned(NET.replace('batch 8', 'batch width'));
    const shown = (word: string) =>
      hoverAt(analysis, plan, analysis.source.text.indexOf(word) + 1)!
        .text.split('\n')
        .at(-1)!;
    assert.equal(shown('batch width'), 'default `64`; here `width`; in a run `16`');
    assert.equal(
      shown('optimizer'),
      'default `adam`; here `adam(lr: 1e-3)`; in a run `adam(lr: 0.001, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0)`',
    );
    assert.equal(shown('compute'), 'default `fp16`; here `fp16`');
    const { program } = analysis;
    const runOf = (section: string, name: string) => runValue(section, name, program!, plan);
    const names = ['loss', 'optimizer', 'schedule', 'warmup', 'clip', 'batch', 'accumulate', 'drop_last', 'epochs', 'on_lost_loss', 'seed'];
    for (const name of names) assert.match(runOf('train', name) ?? '', /^\w/, name);
    assert.equal(runOf('train', 'drop_last'), 'false');
    assert.equal(runOf('train', 'average'), undefined, 'there is none');
    assert.match(runOf('precision', 'loss_scale')!, /^dynamic\(init: /);
    assert.deepEqual([runOf('precision', 'communicate'), runOf('precision', 'policy')], ['fp32', 'mixed']);
  });

  it('shows formats and casts of the plan', async () => {
    const { analysis, plan } = await planned(NET);
    const hints = hintsIn(analysis, plan, { start: NET.indexOf('|> flatten'), end: NET.length }, OPTIONS);
    const texts = hints.map(({ text }) => text);
    assert.ok(texts.includes('[10] fp32'), texts.join());
    const pool = hintsIn(analysis, plan, { start: NET.indexOf('max_pool2d'), end: NET.indexOf('max_pool2d') + 1 }, OPTIONS);
    assert.deepEqual(
      pool.map(({ text }) => text),
      ['[16, 16, 16] fp16'],
      'not the places that it notes for the backward pass',
    );
    assert.ok(texts.includes('[8192] fp16') || texts.includes('[8192] fp32'), texts.join());
    assert.ok(
      texts.some((text) => /^⇄ \d+ casts?/.test(text)),
      texts.join(),
    );
    assert.deepEqual(hintsIn(analysis, plan, { start: 0, end: NET.length }, { shapes: false, formats: false, casts: false }), []);
  });

  it('plans once for texts that mean the same, and not what changes meanwhile', async () => {
    const { service, plan } = await planned(NET);
    service.update('x.amp', {
      path: 'x.amp',
      text: NET.replace('let width', '# how wide\nlet width').replace('# how wide\n', '# w  ').replace('# w  let', 'let'),
    });
    assert.equal((await service.plan('x.amp')).plan, plan);
    service.update('x.amp', { path: 'x.amp', text: `${NET}# a comment behind\n` });
    assert.equal((await service.plan('x.amp')).plan, plan);
    assert.equal(service.work.plans, 1);
    service.update('x.amp', { path: 'x.amp', text: NET.replace('width = 16', 'width = 8') });
    const stale = service.plan('x.amp');
    service.update('x.amp', { path: 'x.amp', text: NET.replace('width = 16', 'width = 4') });
    await assert.rejects(stale, /the text has changed/);
    assert.notEqual((await service.plan('x.amp')).plan, plan);
  });

  it('finds pins that change nothing', async () => {
    const idle = async (line: string) => (await planned(NET.replace('keep fc in fp32', line))).diagnostics.map(({ message }) => message);
    assert.deepEqual(await idle('keep fc in fp32'), []);
    assert.deepEqual(await idle('keep cross_entropy in fp32'), ['keeping `cross_entropy` changes nothing']);
  });

  it('finds of pins that say the same the later one alone, and what takes it out', () => {
    const lines = ['  compute fp16', '  keep fc in fp32', '  keep "fc*" in fp32  # again', '}'];
    const text = NET.replace(/ {2}compute fp16[^}]*\}/, lines.join('\n'));
    const { hints } = new Analysis({ path: 'x.amp', text });
    assert.deepEqual(
      hints.map(({ message, severity }) => `${severity}: ${message}`),
      ['hint: keeping `fc*` changes nothing'],
    );
    assert.equal(applyEdits(text, hints[0]!.edits!), text.replace(`${lines[2]!}\n`, ''));
    const inOneLine = NET.replace(/precision \{[^}]*\}/, 'precision { compute fp16 keep cross_entropy in fp32 policy mixed }');
    const [hint] = new Analysis({ path: 'x.amp', text: inOneLine }).hints;
    assert.equal(applyEdits(inOneLine, hint!.edits!), inOneLine.replace(' keep cross_entropy in fp32', ''));
    const fastest = NET.replace('keep fc in fp32', 'policy fastest  keep cross_entropy in fp32');
    assert.deepEqual(new Analysis({ path: 'x.amp', text: fastest }).hints, [], 'what would be chosen without it nobody knows');
  });
});

describe('completion', () => {
  const body = (text: string) => NET.replace('|> flatten', text);

  it('knows layers and blocks behind a pipe', () => {
    const found = labels(body('|> ⟂'));
    for (const name of ['conv2d', 'Twice', 'repeat']) assert.ok(found.includes(name), name);
    assert.ok(!found.includes('width'));
  });

  it('knows the arguments that are left, with bounds and defaults', () => {
    const found = labels(body('|> conv2d(8, kernel: 3, ⟂)'));
    assert.ok(found.includes('stride:') && found.includes('padding:') && found.includes('width'));
    assert.ok(!found.includes('kernel:'));
    const { analysis, offset } = at(body('|> conv2d(8, stri⟂)'));
    const { items, replaces } = completionsAt(analysis, offset);
    assert.match(items.find(({ label }) => label === 'stride:')!.detail!, /at least 1.*default 1/);
    assert.equal(analysis.source.text.slice(replaces.start, replaces.end), 'stri');
  });

  it('knows the words of an argument, and initializers', () => {
    assert.ok(labels(body('|> conv2d(8, padding: ⟂)')).includes('same'));
    assert.ok(labels(body('|> conv2d(8, init: ⟂)')).includes('kaiming_normal') || labels(body('|> conv2d(8, init: ⟂)')).includes('zeros'));
  });

  it('knows names by their scopes', () => {
    assert.ok(labels(NET.replace('(width, kernel', '(⟂width, kernel')).includes('image'));
    const inBlock = labels(NET.replace('conv2d(channels', 'conv2d(⟂channels'));
    assert.ok(inBlock.includes('channels') && inBlock.includes('width') && !inBlock.includes('stem'));
  });

  it('knows patterns and files in quotes, closed or not, patterns behind a dot, and nothing else there', () => {
    for (const [keep, replaced] of [
      ['keep "⟂', '"'],
      ['keep "fi⟂"', '"fi"'],
      ['keep "fi⟂rst.c" in fp32', '"first.c"'],
      ['keep "fi⟂ in fp32', '"fi'],
      ['keep first.⟂', 'first.'],
      ['keep first.co⟂ in fp32', 'first.co'],
    ] as const) {
      const { analysis, offset } = at(NET.replace('keep fc in fp32', keep));
      const { items, replaces } = completionsAt(analysis, offset);
      const found = items.map(({ label }) => label);
      assert.ok(found.includes('"first.conv"') && found.includes('"first.*"'), `${keep}: ${found.join()}`);
      assert.equal(analysis.source.text.slice(replaces.start, replaces.end), replaced);
    }
    assert.ok(labels(NET.replace('keep fc in fp32', 'keep "⟂')).includes('"fc"'));
    assert.ok(labels(`use "a⟂"\n${NET}`).includes('"ampc/blocks"'));
    assert.deepEqual(labels(NET.replace('dataset cifar10', 'dataset folder("⟂")')), []);
    assert.deepEqual(labels(NET.replace('keep fc in fp32', 'keep "fc" ⟂')), ['in']);
  });

  it('knows settings, their words, patterns, formats and data sets', () => {
    assert.ok(labels(NET.replace('batch 8', 'batch 8 ⟂')).includes('schedule'));
    assert.deepEqual([...labels(NET.replace('adam(lr: 1e-3)', '⟂'))].includes('sgd'), true);
    assert.ok(labels(NET.replace('adam(lr: 1e-3)', 'adam(⟂)')).includes('lr:'));
    assert.ok(labels(NET.replace('keep fc in fp32', 'keep ⟂')).includes('"first.conv"'));
    assert.deepEqual(labels(NET.replace('keep fc in fp32', 'keep fc in ⟂')), ['fp16', 'bf16', 'fp32']);
    assert.ok(labels(NET.replace('dataset cifar10', 'dataset ⟂')).includes('cifar100'));
    assert.ok(labels(NET.replace('normalize', '⟂normalize')).includes('crop'));
    assert.ok(labels(`${NET}\n⟂`).includes('block'));
    assert.deepEqual(labels(`${NET}\n# co⟂`), []);
  });
});

describe('what is shown of a place', () => {
  it('a layer: each of its calls, with what the plan does there', async () => {
    const { analysis, plan } = await planned(NET);
    const { text } = hoverAt(analysis, plan, NET.indexOf('conv2d(channels'))!;
    for (const part of ['**first.conv** [32, 32, 16] fp16', '**second.conv** [16, 16, 32] fp16', 'low: ', 'Mflop', 'parameters', '⇄'])
      assert.ok(text.includes(part), `${part} in\n${text}`);
  });

  it('a name of a layer: the same, and that it names its weights', async () => {
    const { analysis, plan } = await planned(NET);
    const { text } = hoverAt(analysis, plan, NET.indexOf('as stem_conv') + 4)!;
    assert.match(text, /\*\*stem_conv\*\* \[32, 32, 16\] fp16[\s\S]*low: conv2d[\s\S]*its weights: `stem_conv`/);
  });

  it('a setting: its meaning, its default and what the file has', () => {
    const analysis = new Analysis({ path: 'x.amp', text: NET });
    const { text } = hoverAt(analysis, undefined, NET.indexOf('batch 8'))!;
    assert.match(text, /images of one step/);
    assert.match(text, /default `64`; here `8`/);
  });

  it('a `keep` line: what it does, and which layers it means', () => {
    const analysis = new Analysis({ path: 'x.amp', text: NET });
    assert.match(hoverAt(analysis, undefined, NET.indexOf('keep fc') + 1)!.text, /^\*\*keep\*\* keeps an op, a layer/);
    assert.match(hoverAt(analysis, undefined, NET.indexOf('fc in') + 1)!.text, /means 1 layer/);
  });

  it('a setting that is written like a call, and one of a `group` line', () => {
    const group = 'train { batch 8  optimizer adam(lr: 1e-3)  group biases { optimizer sgd(lr: 0.1) } }';
    const text = NET.replace('normalize(mean: 0.5, std: 0.5)', 'size(40, fit: pad) crop(padding: 4)')
      .replace('[32, 32, 3]', '[40, 40, 3]')
      .replace(/train \{.*\}/, group);
    const analysis = new Analysis({ path: 'x.amp', text });
    assert.deepEqual(
      analysis.diagnostics.filter(({ severity }) => severity === 'error'),
      [],
    );
    const shown = (word: string, behind = 0) => hoverAt(analysis, undefined, text.indexOf(word, behind) + 1)!.text;
    assert.match(shown('crop'), /`padding`: pixels on each side \(whole number, at least 1.*\)\n/);
    assert.match(shown('crop'), /default `zero`\)\n\nhere `crop\(padding: 4\)`$/);
    assert.match(shown('size'), /here `size\(40, fit: pad\)`; in a run `size\(pixels: \[40, 40\], fit: pad, filter: lanczos3\)`$/);
    assert.match(shown('optimizer', text.indexOf('group')), /here `sgd\(lr: 0\.1\)`$/);
  });

  it('parentheses: what they take, and which of it is being written', () => {
    const { analysis, offset } = at(NET.replace('conv2d(width, kernel: 3', 'conv2d(width, kernel: ⟂3'));
    const help = signatureAt(analysis, offset)!;
    assert.match(help.label, /^conv2d\(/);
    assert.match(help.parameters[help.active!]!.label, /^kernel/);
  });
});

describe('changes', () => {
  const thingAt = (analysis: Analysis, offset: number) => analysis.symbols.around(offset)!.thing;
  /** The text of `x.amp` after it. */
  const afterwards = (text: string, renaming: Renaming | string) => {
    assert.ok(typeof renaming !== 'string');
    assert.deepEqual([...renaming.keys()], ['x.amp']);
    return applyEdits(text, renaming.get('x.amp')!);
  };

  it('a name is renamed where it is seen, and nowhere else', () => {
    const text = NET.replace('block Twice(x, channels', 'block Twice(width, channels').replace('  x |>', '  width |>');
    const analysis = new Analysis({ path: 'x.amp', text });
    const edits = renameIn(analysis, thingAt(analysis, text.indexOf('width |>')), 'input');
    assert.equal(afterwards(text, edits), text.replace('Twice(width, ', 'Twice(input, ').replace('  width |>', '  input |>'));
  });

  it('a block with its calls, and a parameter with the arguments that name it', () => {
    const text = NET.replace('Twice(width)', 'Twice(channels: width)');
    const analysis = new Analysis({ path: 'x.amp', text });
    const block = renameIn(analysis, thingAt(analysis, text.indexOf('Twice(x')), 'Once');
    assert.equal(afterwards(text, block), text.replaceAll('Twice', 'Once'));
    const parameter = renameIn(analysis, thingAt(analysis, text.indexOf('channels = 8')), 'filters');
    assert.equal(afterwards(text, parameter), text.replaceAll('channels', 'filters'));
  });

  it('a layer with the lines that keep it', () => {
    const analysis = new Analysis({ path: 'x.amp', text: NET });
    const edits = renameIn(analysis, thingAt(analysis, NET.indexOf('fc\n}')), 'head');
    assert.equal(afterwards(NET, edits), NET.replaceAll('fc', 'head'));
  });

  it('not to a name that stands for something else there', () => {
    const analysis = new Analysis({ path: 'x.amp', text: NET });
    const refused = (name: string) => renameIn(analysis, thingAt(analysis, NET.indexOf('stem |>')), name);
    assert.match(String(refused('width')), /already stands/);
    assert.match(String(refused('model')), /reserved/);
    assert.match(String(refused('a b')), /no name/);
  });

  it('a layer is kept in fp32, whatever the section looks like', () => {
    const keep = (text: string) => {
      const analysis = new Analysis({ path: 'x.amp', text });
      const place = analysis.placeAt(text.indexOf('conv2d(channels'))!;
      assert.equal(place.kind, 'stage');
      const kept = keepInFp32(analysis, place.kind === 'stage' ? place.stage : assert.fail());
      return applyEdits(text, kept!.edits);
    };
    const line = 'keep "*.conv" in fp32';
    assert.ok(keep(NET).includes(`  keep fc in fp32\n  ${line}\n}`));
    const withoutSection = NET.replace(/precision \{[^}]*\}\n/, '');
    assert.ok(keep(withoutSection).includes(`precision {\n  ${line}\n}`));
    assert.ok(keep(NET.replace(/precision \{[^}]*\}/, 'precision { compute fp16 }')).includes(`compute fp16  ${line} }`));
    assert.deepEqual(new Analysis({ path: 'x.amp', text: keep(withoutSection) }).diagnostics, []);
  });

  it('the text takes its standard form line by line, with its own line breaks', () => {
    for (const lineBreak of ['\n', '\r\n']) {
      const text = NET.replace('  stem |>', '   stem   |>').replace('let width', 'let  width').replaceAll('\n', lineBreak);
      const edits = formatEdits(new Analysis({ path: 'x.amp', text }));
      assert.equal(applyEdits(text, edits), applyEdits(text, edits).replaceAll(/\r?\n/g, lineBreak));
      assert.deepEqual(formatEdits(new Analysis({ path: 'x.amp', text: applyEdits(text, edits) })), []);
      const line = text.indexOf('let  width');
      const some = formatEdits(new Analysis({ path: 'x.amp', text }), { start: line, end: line + 3 });
      assert.ok(applyEdits(text, some).includes('   stem   |>') && applyEdits(text, some).includes('let width'));
    }
  });
});
