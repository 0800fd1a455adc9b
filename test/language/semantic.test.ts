import assert from 'node:assert/strict';
import { Analysis } from '../../src/language/analysis.js';
import { semanticTokens } from '../../src/language/semantic.js';

function shown(text: string): readonly string[] {
  return semanticTokens(new Analysis({ path: 'x.amp', text })).map(({ span, kind }) => `${kind} ${text.slice(span.start, span.end)}`);
}

describe('the kinds of words', () => {
  it('are those of the text, whatever the line breaks and characters before', () => {
    const text = '# 🙂\r\nmodel Net(image: [8, 8, 3]) -> [10] {\r\n  image |> relu # 🙂\r\n}\r\n';
    assert.deepEqual(shown(text).slice(0, 4), ['comment # 🙂', 'keyword model', 'class Net', 'parameter image']);
    assert.deepEqual(shown(text).slice(-4), ['variable image', 'operator |>', 'function relu', 'comment # 🙂']);
  });

  it('end where the text does of what lacks its quotes', () => {
    assert.deepEqual(shown('dataset folder(./photos/a)').slice(-1), ['string ./photos/a']);
    assert.deepEqual(shown('precision {\n  keep "fc in fp32\n}'), ['keyword precision', 'keyword keep', 'string "fc in fp32']);
    assert.deepEqual(shown('use "./blocks'), ['keyword use', 'string "./blocks']);
  });
});
