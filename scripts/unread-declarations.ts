import { readFileSync } from 'node:fs';
import ts from 'typescript';

/**
 * What an op declares for its documentation and for the tests of all ops, and nothing that runs reads. What has a name beside it, a
 * parameter of a layer, is told in hovers and messages.
 */
const UNREAD: ReadonlySet<string> = new Set(['doc', 'sample', 'sampleAttrs']);

/** The text of a file of src/ops without such properties. */
export function withoutUnread(path: string): string {
  const code = readFileSync(path, 'utf8');
  const file = ts.createSourceFile(path, code, ts.ScriptTarget.ES2022, true);
  const cuts: { readonly from: number; readonly to: number }[] = [];
  const isNamed = ({ properties }: ts.ObjectLiteralExpression): boolean => properties.some(({ name }) => name?.getText(file) === 'name');
  const visit = (node: ts.Node): void => {
    const isUnread = ts.isPropertyAssignment(node) && ts.isIdentifier(node.name) && UNREAD.has(node.name.text) && !isNamed(node.parent);
    if (!isUnread) ts.forEachChild(node, visit);
    else cuts.push({ from: node.pos, to: code[node.end] === ',' ? node.end + 1 : node.end });
  };
  visit(file);
  return cuts.reduceRight((text, { from, to }) => text.slice(0, from) + text.slice(to), code);
}
