import type { Span } from '../diagnostics/diagnostic.js';

/** An identifier as written. Empty text: the parser made it up while recovering from an error. */
export interface Name {
  readonly text: string;
  readonly span: Span;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'and' | 'or';

export type Expr =
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly span: Span }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly span: Span }
  | { readonly kind: 'string'; readonly value: string; readonly span: Span }
  | { readonly kind: 'name'; readonly name: Name; readonly span: Span }
  /** The data set of the file, whose properties `dataset.shape` and `dataset.classes` are. */
  | { readonly kind: 'dataset'; readonly span: Span }
  | { readonly kind: 'property'; readonly object: Expr; readonly name: Name; readonly span: Span }
  /** `paths[0]`, `table[i][j]`. */
  | { readonly kind: 'index'; readonly object: Expr; readonly indices: readonly Expr[]; readonly span: Span }
  | { readonly kind: 'list'; readonly items: readonly Expr[]; readonly span: Span }
  | { readonly kind: 'group'; readonly inner: Expr; readonly span: Span }
  | { readonly kind: 'unary'; readonly operator: '-' | 'not'; readonly operand: Expr; readonly span: Span }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expr; readonly right: Expr; readonly span: Span }
  | CallExpr
  | ShareExpr
  | CollectExpr
  | IfExpr
  | Pipeline;

export type BinaryExpr = Extract<Expr, { kind: 'binary' }>;

/** `max(a, b)`, `concat(paths)`, or `param([64], init: zeros) as gamma`, the only one that has a label. */
export interface CallExpr {
  readonly kind: 'call';
  readonly callee: Name;
  readonly args: readonly Arg[];
  readonly label: Name | undefined;
  /** Without the label. */
  readonly span: Span;
}

/** `share Tower(64) as tower`: a layer or block whose weights all its uses have in common. */
export interface ShareExpr {
  readonly kind: 'share';
  readonly stage: CallStage;
  readonly span: Span;
}

/** `collect i in 0..4 { x |> Path(i) } as paths`: the list of what the body results in. */
export interface CollectExpr {
  readonly kind: 'collect';
  readonly variable: Name | undefined;
  readonly over: RepeatOver;
  readonly body: Body;
  readonly label: Name | undefined;
  readonly span: Span;
}

export interface IfExpr {
  readonly kind: 'if';
  readonly branches: readonly { readonly condition: Expr; readonly body: Body }[];
  readonly otherwise: Body | undefined;
  readonly span: Span;
}

/** `head |> stage |> stage`; long pipelines are flat. */
export interface Pipeline {
  readonly kind: 'pipeline';
  readonly head: Expr;
  readonly stages: readonly Stage[];
  readonly span: Span;
}

/** Undefined name: positional. */
export interface Arg {
  readonly name: Name | undefined;
  readonly value: Expr;
  readonly span: Span;
}

export type Stage = CallStage | RepeatStage | IfStage;

/** `conv2d(32, kernel: 3) as conv1`; `parens` tells `relu()` from `relu`. */
export interface CallStage {
  readonly kind: 'stage';
  readonly callee: Name;
  readonly parens: boolean;
  readonly args: readonly Arg[];
  readonly label: Name | undefined;
  /** Without the label. */
  readonly span: Span;
}

export type RepeatOver =
  | { readonly kind: 'count'; readonly count: Expr }
  | { readonly kind: 'range'; readonly from: Expr; readonly to: Expr }
  | { readonly kind: 'each'; readonly list: Expr };

/** `repeat 3 { … }`, `repeat i in 0..3 { … }`, `repeat stride in [2, 1] { … }`. */
export interface RepeatStage {
  readonly kind: 'repeat';
  readonly variable: Name | undefined;
  readonly over: RepeatOver;
  readonly stages: readonly Stage[];
  readonly label: Name | undefined;
  readonly span: Span;
}

/** `if cond { stages } else { stages }`: without `else` the value passes unchanged. */
export interface IfStage {
  readonly kind: 'if-stage';
  readonly branches: readonly { readonly condition: Expr; readonly stages: readonly Stage[] }[];
  readonly otherwise: readonly Stage[] | undefined;
  readonly span: Span;
}

/** `let a = …`, or `let [a, b] = …` for the items of a list. */
export interface Let {
  readonly kind: 'let';
  readonly names: readonly Name[];
  readonly isList: boolean;
  readonly value: Expr;
  readonly span: Span;
}

/** `let` lines, then the result. */
export interface Body {
  readonly lets: readonly Let[];
  /** Values that go nowhere, which is reported. */
  readonly lost?: readonly Expr[];
  readonly result: Expr | undefined;
  readonly span: Span;
}

export interface Param {
  readonly name: Name;
  readonly default: Expr | undefined;
  readonly span: Span;
}

export interface BlockSection {
  readonly kind: 'block';
  readonly name: Name;
  readonly params: readonly Param[];
  readonly body: Body;
  readonly span: Span;
}

export interface ModelSection {
  readonly kind: 'model';
  readonly name: Name;
  readonly inputs: readonly { readonly name: Name; readonly shape: Expr; readonly span: Span }[];
  readonly output: Expr;
  readonly body: Body;
  readonly span: Span;
}

/** `batch 64` (value) or `normalize(mean: 0.5, std: 0.5)`, `flip` (call). */
export interface SettingItem {
  readonly kind: 'setting';
  readonly name: Name;
  readonly value: Expr;
  readonly span: Span;
}

/** `keep conv1 in fp32` */
export interface KeepItem {
  readonly kind: 'keep';
  readonly pattern: Name;
  readonly quoted: boolean;
  readonly format: Name;
  readonly span: Span;
}

/** `init "*.weight" normal(0.02)`, `freeze "stem.*" until 2`: about parameters, by the names of weights. */
export interface ParameterItem {
  readonly kind: 'init' | 'freeze';
  readonly pattern: Name;
  readonly quoted: boolean;
  /** Of `init`: how they start. */
  readonly value: Expr | undefined;
  /** Of `freeze`: for how much of the run, or after how much, it holds; undefined: for all of it. */
  readonly when?:
    | { readonly kind: 'until' | 'after'; readonly span: Span; readonly count: Expr; readonly unit: 'epochs' | 'steps' }
    | undefined;
  readonly span: Span;
}

/** `aux_loss head cross_entropy(weight: 0.3)`: a further loss, of a value that the model names. */
export interface AuxLossItem {
  readonly kind: 'aux_loss';
  /** Of the value; empty where it is missing, and then of the place of the word. */
  readonly name: Name;
  readonly value: Expr;
  readonly span: Span;
}

/** `group norm_shifts in "stem.*" { lr_times 64 }`: an update of their own for some parameters. */
export interface GroupItem {
  readonly kind: 'parameter_group';
  /** A kind of parameters, or what they are named. */
  readonly pattern: Name;
  readonly quoted: boolean;
  /** Behind a kind: where the parameters are. */
  readonly within: Name | undefined;
  readonly items: readonly SettingItem[];
  readonly span: Span;
}

export interface DatasetSection {
  readonly kind: 'dataset';
  /** Of a data set that is known, or of a kind of files. */
  readonly name: Name;
  /** Where those files are: `folder("photos")`. Undefined: there are no parentheses. */
  readonly args: readonly Arg[] | undefined;
  readonly items: readonly SettingItem[];
  readonly span: Span;
}

export interface PrecisionSection {
  readonly kind: 'precision';
  readonly items: readonly (SettingItem | KeepItem)[];
  readonly span: Span;
}

export interface TrainSection {
  readonly kind: 'train';
  readonly items: readonly (SettingItem | ParameterItem | GroupItem | AuxLossItem)[];
  readonly span: Span;
}

/** `use "./blocks.amp"`: the blocks and constants of another file. */
export interface UseSection {
  readonly kind: 'use';
  /** Without the quotes. */
  readonly path: Name;
  readonly span: Span;
}

export type Section = UseSection | Let | BlockSection | ModelSection | DatasetSection | PrecisionSection | TrainSection;

/** A whole file, in source order. */
export interface AmpFile {
  readonly sections: readonly Section[];
}
