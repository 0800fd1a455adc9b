import { LINES } from '../../src/lower/lines.js';
import type * as ast from '../../src/parser/ast.js';

/** A node of tree-sitter, with offsets in characters. */
export interface TreeNode {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly children: readonly TreeNode[];
}

/** What both trees say of a text: `kind start-end` of each construct, sorted. */
export type Constructs = readonly string[];

/** Of positions in rows and bytes, as tree-sitter has them, offsets in characters. */
function offsets(text: string): (row: number, column: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (row, column) => {
    const line = Buffer.from(text.slice(starts[row]!, starts[row + 1]));
    return starts[row]! + line.subarray(0, column).toString('utf8').length;
  };
}

/** Reads what `tree-sitter parse` prints. */
export function readTree(printed: string, text: string): TreeNode {
  const at = offsets(text);
  const root: TreeNode[] = [];
  const open: TreeNode[][] = [root];
  for (const [, kind, row, column, endRow, endColumn] of printed.matchAll(/\((\w+) \[(\d+), (\d+)\] - \[(\d+), (\d+)\]|\)/g)) {
    if (kind === undefined) {
      open.pop();
      continue;
    }
    const children: TreeNode[] = [];
    open.at(-1)!.push({ kind, start: at(Number(row), Number(column)), end: at(Number(endRow), Number(endColumn)), children });
    open.push(children);
  }
  return root[0]!;
}

/** Kinds whose places are compared; words alone (names, strings, patterns) are leaves of these. */
const COMPARED = new Set([
  ...['use', 'dataset', 'model', 'block', 'precision', 'train', 'let', 'dataset_item', 'setting'],
  ...Object.keys(LINES),
  ...[
    'pipeline',
    'stage',
    'repeat',
    'if_stage',
    'unary',
    'binary',
    'property',
    'index',
    'number',
    'boolean',
    'list',
    'group',
    'call',
    'share',
  ],
  ...['collect', 'if', 'dataset_value'],
]);

export function treeSitterNodes(root: TreeNode, text: string): Constructs {
  const found: string[] = [];
  const visit = (node: TreeNode) => {
    const label = node.children.find(({ kind }) => kind === 'label');
    // The compiler's nodes end before their label.
    const end = label === undefined ? node.end : node.start + text.slice(node.start, label.start).trimEnd().length;
    if (COMPARED.has(node.kind)) found.push(`${node.kind} ${node.start}-${end}`);
    node.children.forEach(visit);
  };
  visit(root);
  return found.sort();
}

type Visited = { readonly kind: string; readonly span: { readonly start: number; readonly end: number } };

const isVisited = (value: object): value is Visited => 'kind' in value && 'span' in value;

/** What tree-sitter calls a node of the compiler. */
function kindOf(node: Visited): string {
  if (node.kind === 'if-stage') return 'if_stage';
  return node.kind === 'dataset' && !('items' in node) ? 'dataset_value' : node.kind;
}

export function compilerNodes(file: ast.AmpFile): Constructs {
  const found: string[] = [];
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value) && isVisited(value) && COMPARED.has(kindOf(value))) {
      found.push(`${kindOf(value)} ${value.span.start}-${value.span.end}`);
    }
    for (const [key, part] of Object.entries(value)) {
      if (key === 'items' && 'kind' in value && value.kind === 'dataset') visitLines(part as readonly ast.SettingItem[]);
      else visit(part);
    }
  };
  /** A line of a data set is one construct, whose value repeats its name. */
  const visitLines = (lines: readonly ast.SettingItem[]) => {
    for (const { value, span } of lines) {
      found.push(`dataset_item ${span.start}-${span.end}`);
      if (value.kind === 'call') visit(value.args);
    }
  };
  visit(file);
  return found.sort();
}
