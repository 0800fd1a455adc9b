import assert from 'node:assert/strict';
import { CODES } from '../src/diagnostics/codes.js';
import { checkSpec, loadSpecs } from './spec-runner.js';
import { STAGES } from './spec-stages.js';

const SPECS = loadSpecs();

describe('specs', () => {
  for (const file of SPECS) it(file.name, () => checkSpec(STAGES, file));

  it('render every diagnostic of the language at least once', () => {
    const text = SPECS.map(({ spec }) => spec.expect.text ?? '').join('\n');
    const missing = Object.keys(CODES).filter((code) => !text.includes(`[${code}]`));
    assert.deepEqual(missing, []);
  });
});
