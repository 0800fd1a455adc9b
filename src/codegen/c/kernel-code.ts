import { type Code, emit, joined, keyOf, Piece, Quantity, spelled } from '../code.js';

/** A name that starts with the kernel's, which code does not know while it is made. */
export class OwnName extends Piece {
  constructor(readonly suffix = '') {
    super();
  }

  get key(): string {
    return `\0own${this.suffix}`;
  }

  /** A longer name. */
  and(more: string): OwnName {
    return new OwnName(`${this.suffix}${more}`);
  }

  spell(owner: string): string {
    return `${owner}${this.suffix}`;
  }
}

/** Where a function of the kernel begins, up to the brace of its body. */
export class Head extends Piece {
  constructor(
    readonly start: string,
    readonly name: OwnName,
    readonly parameters: Code,
  ) {
    super();
  }

  get key(): string {
    return `${this.start} ${this.name.key}(${keyOf(this.parameters)}) {`;
  }

  spell(owner: string): string {
    return `${this.start} ${this.name.spell(owner)}(${spelled(this.parameters, owner)}) {`;
  }
}

/** Where a function of the kernel is called, up to the first argument. */
export class Call extends Piece {
  constructor(readonly name: OwnName) {
    super();
  }

  get key(): string {
    return `${this.name.key}(`;
  }

  spell(owner: string): string {
    return `${this.name.spell(owner)}(`;
  }
}

/** The size of an array on the stack. */
export class ArraySize extends Quantity {
  override readonly key = '\0size';
}

/** A constant table of whole numbers, as rows of `inner` numbers or one behind the other. */
export class NumberTable extends Piece {
  constructor(
    readonly name: OwnName | string,
    readonly values: readonly number[],
    readonly inner: number | undefined,
  ) {
    super();
  }

  /** Inside a function, not before all. */
  get isLocal(): boolean {
    return typeof this.name === 'string';
  }

  get key(): string {
    return `\0table${typeof this.name === 'string' ? this.name : this.name.key}${this.sizes}`;
  }

  /** Sizes behind the first. */
  get sizes(): string {
    return this.inner === undefined ? '' : `[${this.inner}]`;
  }

  spellName(owner: string): string {
    return typeof this.name === 'string' ? this.name : this.name.spell(owner);
  }

  spell(owner: string): string {
    const { values, inner } = this;
    const rows =
      inner === undefined
        ? values
        : Array.from({ length: values.length / inner }, (_, i) => `{${values.slice(i * inner, (i + 1) * inner).join(', ')}}`);
    return `static const int ${this.spellName(owner)}[]${this.sizes} = {${rows.join(', ')}};`;
  }
}

/** A comment. Of code of one form, that of the first is read. */
class Note extends Piece {
  readonly key = '';

  constructor(private readonly text: Code) {
    super();
  }

  spell(owner: string): string {
    return `/* ${spelled(this.text, owner)} */`;
  }
}

export function head(start: string, name: OwnName, parameters: Code): Head {
  return new Head(start, name, parameters);
}

/** A call of a function of the kernel. */
export function called(name: OwnName, ...given: readonly Code[]): Code {
  return emit`${new Call(name)}${joined(given, ', ')})`;
}

export function arraySize(value: number): ArraySize {
  return new ArraySize(value);
}

export function numberTable(name: OwnName | string, values: readonly number[]): NumberTable {
  return new NumberTable(name, values, undefined);
}

export function pairTable(name: OwnName | string, pairs: readonly (readonly [number, number])[]): NumberTable {
  return new NumberTable(name, pairs.flat(), 2);
}

export function note(texts: TemplateStringsArray, ...values: readonly (Code | number)[]): Code {
  return new Note(emit(texts, ...values));
}

/** Each line indented. */
export function indented(lines: readonly Code[], indent: string): Code {
  return joined(lines.map((line) => emit`${indent}${line}\n`));
}
