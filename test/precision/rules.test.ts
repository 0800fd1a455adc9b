import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compile, parsePlan, printPlan } from '../../src/index.js';
import { formatWhy, parseWhy, RULE_IDS } from '../../src/ir/why.js';
import { RULES, ruleOf } from '../../src/precision/rules.js';
import { readPin, type StoredPin } from '../../src/training/stored-pins.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';

const PAGE = readFileSync(new URL('../../docs/precision.md', import.meta.url), 'utf8');
const EXAMPLE = /^### `(\w+)`: (.*)\n([\s\S]*?)```amp\n([\s\S]*?)```\n\n(?:```json\n([\s\S]*?)```\n\n)?```plan\n([\s\S]*?)```/gm;

/** The table of costs that an example gives, as a file. */
function costsOf(text: string, work: Workspace): string | undefined {
  const [, json] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
  return json === undefined ? undefined : work.file('costs.json', json);
}

describe('docs/precision.md', () => {
  const examples = [...PAGE.matchAll(EXAMPLE)];
  const work = makeWorkspace();

  after(() => work.remove());

  it('explains every rule, and no other', () => {
    assert.deepEqual(
      examples.map(([, id, title]) => [id, title]),
      RULE_IDS.map((id) => [id, RULES[id].title]),
    );
  });

  for (const [, id, , before, text, pins, lines] of examples)
    it(`has an example of ${id} that is true`, async () => {
      const formats = pins === undefined ? undefined : { pins: (JSON.parse(pins) as StoredPin[]).map(readPin) };
      const { plan } = await compile({ path: `${id}.amp`, text }, { backend: 'reference', costs: costsOf(before, work), formats });
      // Where a value lies in memory, and its number, are no part of the rule.
      const normal = (line: string) =>
        line
          .trim()
          .replace(/ @\d+ /, ' ')
          .replaceAll(/%\d+/g, '%');
      const printed = new Set(printPlan(plan).split('\n').map(normal));
      const shown = lines.trim().split('\n');
      for (const line of shown) assert.ok(printed.has(normal(line)), line);
      const whys = shown.flatMap((line) => /why="([^"]*)"/.exec(line)?.[1] ?? []);
      assert.ok(whys.some((why) => parseWhy(why).rule === id));
    });
});

describe('rules of a plan', () => {
  it('are read from its text', () => {
    assert.deepEqual(parseWhy('pin: keep fc in fp32 (line 6)'), { rule: 'pin', text: 'keep fc in fp32 (line 6)' });
    assert.deepEqual(parseWhy('promote: widest operand is f32'), { rule: 'promote', text: 'widest operand is f32' });
    for (const text of ['GradScaler: grow after a quiet interval', 'undoes the loss scale, in f32', 'low', 'fixed: x', ''])
      assert.deepEqual(parseWhy(text), { rule: 'fixed', text });
    assert.equal(ruleOf({}), 'fixed');
  });

  it('are written as they are read, and each reason of a plan is one object for all nodes that have it', () => {
    for (const model of [simpleCnn, miniResnet]) {
      const plan = planOf(model);
      const read = parsePlan(printPlan(plan));
      assert.deepEqual(read, plan);
      for (const { functions } of [plan, read]) {
        const whys = functions[0].graph.nodes.flatMap(({ why }) => why ?? []);
        assert.equal(new Set(whys).size, new Set(whys.map(formatWhy)).size);
      }
    }
  });
});
