import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { lintSource } from '../../src/api/lint.js';
import { checkSpec, loadSpec } from '../../src/api/spec/spec.js';
import { checkSource } from '../../src/lower/lower.js';
import { formatAmp } from '../../src/parser/format.js';
import { ROOT } from '../spec-runner.js';
import { STAGES } from '../spec-stages.js';

const FOLDER = `${ROOT}examples/zoo/`;
const FILES = readdirSync(FOLDER);
const NETWORKS = FILES.filter((file) => file.endsWith('.amp')).map((file) => basename(file, '.amp'));

describe('examples/zoo', () => {
  for (const network of NETWORKS)
    it(`${network}: without mistakes and warnings, in the standard style, with as many parameters as its spec says`, async () => {
      const source = { path: `${FOLDER}${network}.amp`, text: readFileSync(`${FOLDER}${network}.amp`, 'utf8') };
      assert.deepEqual(checkSource(source), []);
      assert.deepEqual(lintSource(source), []);
      assert.equal(formatAmp(source), source.text);
      const spec = loadSpec(`${FOLDER}${network}.spec.yaml`);
      assert.ok(spec.spec.expect.properties?.some((property) => 'parameters' in property));
      assert.deepEqual((await checkSpec(STAGES, spec, FOLDER)).problems, []);
    });

  it('every network has a PyTorch module in bench/zoo', () => {
    const table = readFileSync(`${ROOT}bench/zoo/networks.py`, 'utf8');
    const modules = [...table.matchAll(/^ {4}"([a-z0-9-]+)":/gm)].map((match) => match[1]);
    assert.deepEqual(
      NETWORKS.filter((network) => !modules.includes(network)),
      [],
    );
  });
});
