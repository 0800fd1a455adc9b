import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Analysis } from '../../src/language/analysis.js';
import { SECTIONS } from '../../src/language/catalogue.js';
import { completionsAt } from '../../src/language/completion.js';
import { hoverAt } from '../../src/language/hover.js';
import { isKeyword, KEYWORDS } from '../../src/language/keywords.js';
import { semanticTokens } from '../../src/language/semantic.js';
import { LINES } from '../../src/lower/lines.js';
import { TOKENS, tokenEnd } from '../../src/parser/tokens.js';

/** Beside the text below. */
const EXAMPLES = ['airbench94-muon', 'resnet18-imagenet'];

const ALL = `use "ampc/blocks"
let n = 2
let wide = n > 1 and not (n == 3 or false)
dataset cifar10 { normalize(mean: 0.5, std: 0.5)  crop(padding: 4, fill: reflect)  flip(alternating: true) }
block Carried(x, y, last = false) {
  let both = [x, y]
  let [a, b] = both |> repeat 2 { Cell } as cells
  add(a, b) |> if last { relu } else if n > 2 { gelu } else { silu }
}
block Cell(values) {
  let paths = collect i in 0..2 { values[i] |> conv2d(8 * (i + 1) / (i + 1), kernel: 3, padding: same, init: zeros) } as paths
  paths
}
model Net(image: dataset.shape) -> [dataset.classes] {
  let stem = image |> conv_bn_relu(8) as stem
  let twice = share Carried(stem, last: true) as twice
  let head = stem |> flatten |> linear(10) as head
  let scale = param([8], init: ones) as scale
  let chosen = if wide { stem |> twice } else { stem }
  chosen * scale |> repeat stride in [1, 1] { conv2d(8, kernel: 1, stride: stride) } as stage |> flatten |> linear(10) as fc
}
precision { compute bf16  masters bf16  optimizer_state bf16  keep fc in fp32 }
train {
  batch 64  epochs 8  evaluate average(flip: true)  optimizer sgd(lr: 0.1, momentum: 0.9)
  loss cross_entropy(label_smoothing: 0.2, reduction: sum)  schedule piecewise([[0, 1], [1, 0]], over: run)
  aux_loss head cross_entropy(weight: 0.3)
  init "*.bias" zeros  freeze "stem.*" until 2  freeze head after 3
  group norm_shifts { lr 0.2  weight_decay 0.1 }
  group weights in "fc" { optimizer muon(lr: 0.24, adjust: none) }
}
`;

describe('every word of a text', () => {
  const texts = [
    ['all', ALL] as const,
    ...EXAMPLES.map((name) => [name, readFileSync(new URL(`../../examples/${name}.amp`, import.meta.url), 'utf8')] as const),
  ];
  for (const [name, text] of texts)
    it(`is explained, has a colour, and is among what could be written in its place (${name})`, () => {
      const analysis = new Analysis({ path: `${name}.amp`, text });
      assert.deepEqual(
        analysis.diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message),
        [],
      );
      const coloured = new Set(semanticTokens(analysis).map(({ span }) => span.start));
      const introduced = new Set(
        analysis.places
          .filter((place) => ['label', 'block', 'model'].includes(place.kind) || 'introduces' in place)
          .map(({ span }) => span.start),
      );
      const lacks: string[] = [];
      for (const token of analysis.parsed.tokens) {
        const { image, startOffset } = token;
        if (!/^[A-Za-z_"]/.test(image)) continue;
        const line = text.slice(text.lastIndexOf('\n', startOffset) + 1).split('\n', 1)[0]!;
        const say = (what: string) => lacks.push(`${what}: ${image} in ${line.trim()}`);
        if (hoverAt(analysis, undefined, startOffset) === undefined) say('no hover');
        if (!coloured.has(startOffset)) say('no colour');
        if (introduced.has(startOffset) || image.startsWith('"')) continue;
        const { items, replaces } = completionsAt(analysis, startOffset + 1);
        if (!items.some(({ label }) => label === image || label === `${image}:`)) say('not offered');
        if (replaces.start > startOffset || replaces.end < tokenEnd(token)) say('not replaced');
      }
      assert.deepEqual([...new Set(lacks)], []);
    });

  it('that is one of the language has a text', () => {
    const words = TOKENS.flatMap(({ name }) => /^'(\w+)'$/.exec(name)?.[1] ?? []);
    const lines = Object.values(LINES).map(({ word }) => word);
    assert.deepEqual(
      words.filter((word) => !isKeyword(word) && !Object.hasOwn(SECTIONS, word) && !lines.includes(word)),
      [],
    );
    assert.ok(Object.keys(KEYWORDS).length > 0);
  });
});
