import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { isOpName } from '../../src/ir/op-names.js';

/**
 * Where ops are named by right: their declarations, the tables of formulas and kernels, the range rules, and what the language calls by
 * the same words.
 */
const HOME = [
  /^ops\//,
  /^ir\/op-names\.ts$/,
  /^codegen\/attributes\.ts$/,
  /^codegen\/formula\//,
  /^runtime\/(reference|tensorflow)\/(attributes|contraction|curves|elementwise|kernels|layer-norm|losses|max-pool|norm|pool|reductions|resample|rows|shape|update)\.ts$/,
  /^exporting\/(refusal|channel-order)\.ts$/,
  /^exporting\/(onnx|torch)\/(contraction|elementwise|emitters|layers|norm|pool|rows|shape)\.ts$/,
  /^precision\/range-[a-z-]+\.ts$/,
  /^lower\//,
  /^interchange\/onnx\/import\//,
  /^ir\/(program|optimizer)\.ts$/,
];

/** Every other file that names an op: how often, and why. */
const ELSEWHERE: Readonly<Record<string, readonly [count: number, reason: string]>> = {
  'api/import-model.ts': [1, 'the loss that an imported file has'],
  'autodiff/loss.ts': [6, 'losses of the language: what of each becomes attributes'],
  'datasets/source.ts': [2, 'how pictures are resized: a fit and a kernel of sharp'],
  'exporting/facts.ts': [1, 'what makes probabilities of logits'],
  'ir/structure.ts': [4, 'the ops that the IR has a form for'],
  'lint/beyond-f16.ts': [2, 'ops whose results grow fast'],
  'lint/bounds.ts': [10, 'ops whose results are bounded by their form'],
  'lint/loss-on-probabilities.ts': [7, 'losses of the language, in a table by loss and in messages'],
  'lint/scale-too-large.ts': [6, 'losses of the language: the first gradient of each'],
  'lint/sum-before-division.ts': [2, 'a sum, and what divides it'],
  'lint/zero-in-f16.ts': [5, 'ops that are infinite at 0, or whose gradient is'],
  'training/data/contact-sheet.ts': [1, 'how pictures are resized: a filter'],
  'training/data/picture.browser.ts': [1, 'how pictures are resized: a fit'],
  'runtime/reference/evaluate.ts': [3, 'sources, which this backend computes without a kernel'],
};

/** Names that are everyday words too: they count where they are compared with an op. */
const EVERYDAY =
  /^(input|state|constant|cast|scale|add|sub|mul|div|maximum|minimum|exp|log|sqrt|abs|pow|clamp|normalize|sum|mean|max|tanh|sigmoid|accumulate)$/;

function isComparedWithOp(node: ts.Node): boolean {
  const { parent } = node;
  const other = ts.isBinaryExpression(parent)
    ? parent.left === node
      ? parent.right
      : parent.left
    : ts.isCaseClause(parent)
      ? parent.parent.parent.expression
      : undefined;
  return other !== undefined && /\bop$/.test(other.getText());
}

/** Text of a literal, or of a key that is no everyday word. */
function nameIn(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return !EVERYDAY.test(node.text) || isComparedWithOp(node) ? node.text : undefined;
  const isKey = ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && /[_\d]/.test(node.name.text);
  return isKey ? (node.name as ts.Identifier).text : undefined;
}

/** Whether the literal says which op a node is to be made of: the name in `emit(..., 'add', ...)` or in `{ op: 'input', ... }`. */
function isMaking(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node && parent.name.getText() === 'op';
  return ts.isCallExpression(parent) && parent.expression.getText() === 'emit';
}

function opNamesIn(file: string): readonly string[] {
  const source = ts.createSourceFile(file, readFileSync(`src/${file}`, 'utf8'), ts.ScriptTarget.ES2022, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const name = nameIn(node);
    if (name !== undefined && isOpName(name) && !isMaking(node)) found.push(name);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const FILES = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

describe('names of ops', () => {
  it('stand in declarations, tables of kernels and range rules; elsewhere only where the list says so', () => {
    const found = FILES.filter((file) => !HOME.some((home) => home.test(file)))
      .map((file) => [file, opNamesIn(file)] as const)
      .filter(([, names]) => names.length > 0);
    const said = Object.entries(ELSEWHERE).map(([file, [count]]) => `${file}: ${count}`);
    assert.deepEqual(
      found.map(([file, names]) => `${file}: ${names.length}`).sort(),
      said.sort(),
      JSON.stringify(Object.fromEntries(found)),
    );
  });

  it('are found where they are', () => {
    assert.ok(opNamesIn('precision/range-rules.ts').includes('softmax'));
    assert.ok(opNamesIn('runtime/reference/curves.ts').includes('leaky_relu'));
    assert.ok(opNamesIn('ir/structure.ts').includes('state'));
  });
});
