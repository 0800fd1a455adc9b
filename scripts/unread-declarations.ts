import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** What an op declares for its documentation and for the tests of all ops, and nothing that runs reads. */
const UNREAD: ReadonlySet<string> = new Set(['doc', 'sample', 'sampleAttrs']);

/** The text of a file of src/ops without such properties. */
export function withoutUnread(path: string): string {
  const code = readFileSync(path, 'utf8');
  const file = ts.createSourceFile(path, code, ts.ScriptTarget.ES2022);
  const cuts: { readonly from: number; readonly to: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (!ts.isPropertyAssignment(node) || !ts.isIdentifier(node.name) || !UNREAD.has(node.name.text)) ts.forEachChild(node, visit);
    else cuts.push({ from: node.pos, to: code[node.end] === ',' ? node.end + 1 : node.end });
  };
  visit(file);
  return cuts.reduceRight((text, { from, to }) => text.slice(0, from) + text.slice(to), code);
}
