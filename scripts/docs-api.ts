import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { rewriteText } from '../src/api/write-result.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
export const API_DOCUMENT = 'docs/api.md';
const ENTRY = 'src/index.ts';

/** Constants whose contents say something; longer ones are told by their comment alone. */
const LONGEST_CONSTANT = 300;

interface Declared {
  readonly name: string;
  readonly nodes: readonly ts.Node[];
  readonly source: ts.SourceFile;
}

const parsed = new Map<string, ts.SourceFile>();

function sourceOf(path: string): ts.SourceFile {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);
  parsed.set(path, source);
  return source;
}

function fileOf(from: string, specifier: ts.Expression): string {
  const path = resolve(dirname(from), (specifier as ts.StringLiteral).text.replace(/\.js$/, '.ts'));
  if (!existsSync(path)) throw new Error(`${path}, which ${from} names, is not there`);
  return path;
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
}

/** Where a name that a file exports is declared, through whatever hands it on. */
function declarationOf(path: string, name: string): Declared {
  const source = sourceOf(path);
  const nodes = source.statements.filter((statement) => namesOf(statement).includes(name));
  if (nodes.length > 0) return { name, nodes, source };
  for (const statement of source.statements) {
    const isFrom = ts.isExportDeclaration(statement) || ts.isImportDeclaration(statement);
    if (!isFrom || statement.moduleSpecifier === undefined) continue;
    const bindings = ts.isExportDeclaration(statement) ? statement.exportClause : statement.importClause?.namedBindings;
    if (bindings === undefined || !(ts.isNamedExports(bindings) || ts.isNamedImports(bindings))) continue;
    const found = bindings.elements.find((element) => element.name.text === name);
    if (found !== undefined) return declarationOf(fileOf(path, statement.moduleSpecifier), (found.propertyName ?? found.name).text);
  }
  throw new Error(`${path} does not declare ${name}`);
}

/** The comment of a declaration as a paragraph. */
function docOf(node: ts.Node): string {
  const [doc] = ts.getJSDocCommentsAndTags(node);
  const text = doc === undefined ? '' : (ts.getTextOfJSDocComment(doc.comment as string) ?? '');
  return text.replace(/\n(?!\n|- )/g, ' ').trim();
}

/** As it is written, from after its comment on. */
function textOf(node: ts.Node, end = node.end): string {
  return node
    .getSourceFile()
    .text.slice(node.getStart(undefined, false), end)
    .replace(/^export /, '');
}

function signatureOf(node: ts.FunctionDeclaration | ts.MethodDeclaration | ts.ConstructorDeclaration): string {
  return textOf(node, node.body === undefined ? node.end : node.body.pos)
    .trim()
    .replace(/^async /, '')
    .replace(/;$/, '');
}

const isPublic = (member: ts.ClassElement): boolean =>
  !ts.isConstructorDeclaration(member) &&
  ts.getCombinedModifierFlags(member) % (2 * ts.ModifierFlags.Private) < ts.ModifierFlags.Private &&
  member.name !== undefined &&
  !ts.isPrivateIdentifier(member.name);

function classText(node: ts.ClassDeclaration): string {
  const lines = node.members.filter(isPublic).flatMap((member) => {
    const doc = docOf(member);
    const text = ts.isMethodDeclaration(member)
      ? signatureOf(member)
      : ts.isGetAccessorDeclaration(member)
        ? `readonly ${member.name.getText()}${member.type === undefined ? '' : `: ${member.type.getText()}`}`
        : textOf(member)
            .replace(/ = [\s\S]*$/, '')
            .replace(/;$/, '');
    const isImplementation = ts.isMethodDeclaration(member) && member.body !== undefined && overloads(node, member) > 1;
    return isImplementation ? [] : [...(doc === '' ? [] : [`  /** ${doc} */`]), `  ${text};`];
  });
  const heritage = node.heritageClauses?.map((clause) => ` ${clause.getText()}`).join('') ?? '';
  return `class ${node.name!.text}${heritage} {\n${lines.join('\n')}\n}`;
}

function overloads(node: ts.ClassDeclaration, { name }: ts.MethodDeclaration): number {
  return node.members.filter((member) => ts.isMethodDeclaration(member) && member.name.getText() === name.getText()).length;
}

function codeOf({ nodes }: Declared): string {
  return nodes
    .map((node) => {
      if (ts.isFunctionDeclaration(node)) return signatureOf(node);
      if (ts.isClassDeclaration(node)) return classText(node);
      if (!ts.isVariableStatement(node)) return textOf(node);
      const text = textOf(node);
      return text.length <= LONGEST_CONSTANT ? text : '';
    })
    .filter((text) => text !== '')
    .join('\n');
}

const SECTIONS: readonly (readonly [title: string, holds: (node: ts.Node) => boolean])[] = [
  ['Functions', ts.isFunctionDeclaration],
  ['Classes', ts.isClassDeclaration],
  ['Constants', ts.isVariableStatement],
  ['Types', (node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)],
];

function entry(declared: Declared): string {
  const code = codeOf(declared);
  const doc = docOf(declared.nodes[0]!);
  return [`### ${declared.name}`, ...(doc === '' ? [] : [doc]), ...(code === '' ? [] : [`\`\`\`ts\n${code}\n\`\`\``])].join('\n\n');
}

/** Everything that the package exports, from its declarations. */
function apiText(): string {
  const path = resolve(ROOT, ENTRY);
  const names = sourceOf(path).statements.flatMap((statement) =>
    ts.isExportDeclaration(statement) && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)
      ? statement.exportClause.elements.map(({ name }) => name.text)
      : [],
  );
  const all = names.sort((a, b) => a.localeCompare(b, 'en')).map((name) => declarationOf(path, name));
  return SECTIONS.map(([title, holds]) => [`## ${title}`, ...all.filter(({ nodes }) => holds(nodes[0]!)).map(entry)].join('\n\n')).join(
    '\n\n',
  );
}

/** The document with what is generated in it as the declarations are now. */
export function regenerateApi(text: string): string {
  const marker = '<!-- generated: api -->';
  const at = text.indexOf(marker);
  if (at < 0) throw new Error(`${API_DOCUMENT} has no ${marker}`);
  return `${text.slice(0, at)}${marker}\n\n${apiText()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = resolve(ROOT, API_DOCUMENT);
  await rewriteText(path, regenerateApi(readFileSync(path, 'utf8')));
}
