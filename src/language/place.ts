import type { Span } from '../diagnostics/diagnostic.js';
import type * as ast from '../parser/ast.js';
import type { Keyword } from './keywords.js';

/** What has arguments: a layer, block or function by its name, or the word of a setting. */
export type Owner =
  | { readonly kind: 'callee'; readonly name: string; readonly isStage: boolean }
  | { readonly kind: 'setting'; readonly section: string; readonly setting: string; readonly word: string };

/** Something in a text of which something can be said. Its span is that of the word alone. */
export type Place = { readonly span: Span } & (
  | { readonly kind: 'stage'; readonly stage: ast.CallStage }
  | { readonly kind: 'repeat'; readonly stage: ast.RepeatStage | ast.IfStage }
  | { readonly kind: 'function'; readonly call: ast.CallExpr }
  | { readonly kind: 'argument'; readonly owner: Owner; readonly name: string }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'name'; readonly name: ast.Name; readonly introduces?: 'let' | 'parameter' | 'input' | 'variable' }
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'block' | 'model'; readonly name: string }
  | { readonly kind: 'setting'; readonly section: string; readonly name: string }
  | { readonly kind: 'word'; readonly section: string; readonly setting: string; readonly name: string }
  | { readonly kind: 'pattern'; readonly item: ast.KeepItem | ast.ParameterItem | ast.GroupItem; readonly within?: ast.Name }
  | { readonly kind: 'format'; readonly name: string }
  | { readonly kind: 'dataset'; readonly name: string }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'keyword'; readonly name: Keyword }
);
