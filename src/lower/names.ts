import type { Span } from '../diagnostics/diagnostic.js';
import { didYouMean, type Fix } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, suggestion } from '../diagnostics/suggest.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { Arg, BlockSection, CallStage, Name } from '../parser/ast.js';
import { type Bound, bindArguments } from './bind.js';
import { type Callee, signatureOf } from './callee.js';
import { LAYERS } from './layers.js';
import { settingWords } from './settings.js';

/** Words that need no declaration. */
const WORDS: readonly string[] = [
  'same',
  'valid',
  'default',
  ...Object.keys(INITIALIZERS),
  ...Object.values(LAYERS).flatMap(({ params }) => params.flatMap(({ words = [] }) => words)),
  ...settingWords(),
];

/** A place that introduces a name: a `let`, a parameter, the model's input or the variable of a `repeat`. */
export interface Declaration {
  readonly kind: 'declaration';
  readonly span: Span;
  readonly isLet: boolean;
  /** Of a `let` with `share`: it is called as a layer, whatever layer has its name. */
  readonly isShared: boolean;
  reads: number;
}

/** What a name that is read stands for. `unknown`: nothing, which is reported. */
export type Meaning = Declaration | { readonly kind: 'word'; readonly text: string } | { readonly kind: 'unknown' };

/** What an argument takes, for a name in its place that stands for nothing. */
export interface Taken {
  readonly what: string;
  /** Those that it may be. */
  readonly words?: readonly string[];
  /** It is no name at all: quotes are missing. */
  readonly isText?: true;
}

/** A call in a pipeline, with the arguments paired with parameters. */
export interface Call {
  readonly callee: Callee;
  readonly bound: Bound;
}

function unknownHelp({ text, span }: Name, scope: Scope, taken: Taken | undefined): Fix {
  if (taken?.isText) return { fix: `put quotes around it: \`"${text}"\``, edits: [{ ...span, text: `"${text}"` }] };
  const near = closest(text, taken?.words ?? []) ?? closest(text, [...scope.all(), ...WORDS]);
  if (near !== undefined) return didYouMean(span, near);
  return taken === undefined ? { fix: suggestion(text, scope.all(), 'names') } : {};
}

/** The names that can be seen at a place; an inner scope sees the outer ones. */
export class Scope {
  readonly own = new Map<string, Declaration>();
  private readonly parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  find(name: string): Declaration | undefined {
    return this.own.get(name) ?? this.parent?.find(name);
  }

  all(): readonly string[] {
    return [...this.own.keys(), ...(this.parent?.all() ?? [])];
  }
}

/**
 * What the names of one file stand for. Each is looked up in its scope once, where what is wrong with it is reported, and known from then
 * on.
 */
export class Names {
  /** The constants of the file, and of those that it uses. */
  globals = new Scope();
  private readonly declarations = new Map<Name, Declaration>();
  private readonly meanings = new Map<Name, Meaning>();
  private readonly calls = new Map<CallStage, Call>();
  /** Of calls of what does not exist: the blocks that there are. */
  private readonly unknownCalls = new Map<CallStage, ReadonlyMap<string, BlockSection>>();
  private readonly valueCalls = new Map<CallStage, Declaration>();

  constructor(private readonly sink: DiagnosticSink) {}

  declare(name: Name, scope: Scope, { isLet = false, isShared = false } = {}): void {
    const first = scope.own.get(name.text);
    if (first !== undefined && name.text !== '') {
      this.sink.error('AMP2007', name.span, `\`${name.text}\` is declared twice`, {
        why: 'a name means one thing in its scope',
        fix: 'give one of them another name',
        related: [{ span: first.span, message: 'first declared here' }],
      });
      this.declarations.set(name, first);
      return;
    }
    const declaration: Declaration = { kind: 'declaration', span: name.span, isLet, isShared, reads: 0 };
    scope.own.set(name.text, declaration);
    this.declarations.set(name, declaration);
  }

  /** What a name that introduces something introduces. */
  declarationOf(name: Name): Declaration {
    const declaration = this.declarations.get(name);
    if (declaration === undefined) throw new Error(`\`${name.text}\` was never declared`);
    return declaration;
  }

  /** `taken`: what an argument takes, where the name stands for one whose words are known. */
  read(name: Name, scope: Scope, taken?: Taken): Meaning {
    const meaning = this.lookUp(name, scope, taken);
    this.meanings.set(name, meaning);
    return meaning;
  }

  /** What a name stands for. One that was not read before is part of a setting or a signature, which see the constants of the file. */
  meaningOf(name: Name, taken?: Taken): Meaning {
    return this.meanings.get(name) ?? this.read(name, this.globals, taken);
  }

  bind(stage: CallStage, callee: Callee): void {
    this.calls.set(stage, { callee, bound: this.bound(callee, stage.args, stage.span) });
  }

  /** A call of what a `let` or a parameter stands for. */
  bindValue(stage: CallStage, declaration: Declaration): void {
    declaration.reads++;
    this.valueCalls.set(stage, declaration);
  }

  /** A call of what does not exist, in a file with these blocks. */
  bindUnknown(stage: CallStage, blocks: ReadonlyMap<string, BlockSection>): void {
    this.unknownCalls.set(stage, blocks);
  }

  blocksAt(stage: CallStage): ReadonlyMap<string, BlockSection> {
    return this.unknownCalls.get(stage) ?? new Map();
  }

  calledValue(stage: CallStage): Declaration | undefined {
    return this.valueCalls.get(stage);
  }

  bound(callee: Callee, args: readonly Arg[], span: Span): Bound {
    return bindArguments(signatureOf(callee), args, span, this.sink);
  }

  /** Undefined: no layer or block has the name, which is reported. */
  callOf(stage: CallStage): Call | undefined {
    return this.calls.get(stage);
  }

  /** Every name that introduces a value, or is read or called for it, with where that is introduced. */
  get uses(): readonly { readonly name: Name; readonly declaration: Declaration }[] {
    const read = [...this.meanings].flatMap(([name, meaning]) => (meaning.kind === 'declaration' ? [{ name, declaration: meaning }] : []));
    const declared = [...this.declarations].map(([name, declaration]) => ({ name, declaration }));
    const called = [...this.valueCalls].map(([{ callee }, declaration]) => ({ name: callee, declaration }));
    return [...declared, ...read, ...called];
  }

  /** Every call of a block. */
  get blockCalls(): readonly { readonly stage: CallStage; readonly block: BlockSection }[] {
    return [...this.calls].flatMap(([stage, { callee }]) => (callee.kind === 'block' ? [{ stage, block: callee.block }] : []));
  }

  private lookUp({ text, span }: Name, scope: Scope, taken: Taken | undefined): Meaning {
    const known = scope.find(text);
    if (known !== undefined) {
      known.reads++;
      return known;
    }
    if (WORDS.includes(text)) return { kind: 'word', text };
    if (text !== '')
      this.sink.error('AMP2008', span, `unknown name \`${text}\``, {
        why: `${taken === undefined ? '' : `${taken.what}; `}it is no parameter and no \`let\` before this place`,
        ...unknownHelp({ text, span }, scope, taken),
      });
    return { kind: 'unknown' };
  }
}
