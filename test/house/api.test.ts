import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { API_DOCUMENT, regenerateApi } from '../../scripts/docs-api.js';

describe('docs/api.md', () => {
  it('has what the package exports, as its declarations say', () => {
    const text = readFileSync(API_DOCUMENT, 'utf8');
    assert.ok(text === regenerateApi(text), 'run `npm run docs:api`');
  });
});
