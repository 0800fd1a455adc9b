import assert from 'node:assert/strict';
import { checkSpec } from '../src/api/spec/spec.js';
import { CODES } from '../src/diagnostics/codes.js';
import { LINTS } from '../src/lint/lint.js';
import type { BackendName } from '../src/plan/target.js';
import { selectBackend } from '../src/runtime/select.js';
import { loadSpecs, ROOT } from './spec-runner.js';
import { STAGES } from './spec-stages.js';
import { skip } from './support/skip.js';

const SPECS = loadSpecs();

describe('specs', () => {
  for (const file of SPECS)
    it(file.name, async function () {
      const { stage, options } = file.spec;
      if (stage === 'train') await selectBackend(options?.backend as BackendName).catch((error: Error) => skip(this, error.message));
      const { problems } = await checkSpec(STAGES, file, ROOT);
      assert.equal(problems.join('\n'), '', 'npm run spec:update rewrites texts');
    });

  it('render every diagnostic of the language and every warning at least once', () => {
    const text = SPECS.map(({ spec }) => spec.expect.text ?? '').join('\n');
    const missing = [...Object.keys(CODES), ...Object.keys(LINTS)].filter((code) => !text.includes(`[${code}]`));
    assert.deepEqual(missing, []);
  });
});
