/** What generated code has beside text. Only `spelled` turns it into text: to lose it by the way is an error. */
export abstract class Piece {
  /** Equal for pieces that may stand for each other in code of one form. */
  abstract readonly key: string;

  /** `owner`: what the names of the code's own functions start with. */
  abstract spell(owner: string): string;

  toString(): never {
    throw new Error('code is put together by `emit` and `joined`, which keep its numbers');
  }
}

/** Text and pieces, one behind the other. */
class Sequence {
  constructor(readonly parts: readonly (string | Piece)[]) {}

  toString(): never {
    throw new Error('code is put together by `emit` and `joined`, which keep its numbers');
  }
}

/** Generated code: text, where all of it is the same in all code of its form. */
export type Code = string | Piece | Sequence;

/** Numbers below this one say what code does, not how often: 0 and 1 are starts, steps and factors that the compiler drops. */
export const LEAST = 2;
const MOST = 2 ** 31 - 1;

/** A whole number that says how often or how far. */
export class Quantity extends Piece {
  readonly key: string = '\0number';

  constructor(readonly value: number) {
    super();
  }

  spell(): string {
    return String(this.value);
  }
}

function isQuantity(value: number): boolean {
  return Number.isInteger(value) && value >= LEAST && value <= MOST;
}

const quantities = new Map<number, Quantity>();

function quantity(value: number): Quantity {
  const known = quantities.get(value);
  if (known !== undefined) return known;
  const made = new Quantity(value);
  quantities.set(value, made);
  return made;
}

/** Puts code together; neighbouring texts become one. */
class Builder {
  #parts: (string | Piece)[] | undefined;
  #text = '';

  add(value: Code | number): void {
    if (typeof value === 'string') this.#text += value;
    else if (typeof value === 'number') this.#addNumber(value);
    else if (value instanceof Sequence)
      for (const part of value.parts) {
        if (typeof part === 'string') this.#text += part;
        else this.#addPiece(part);
      }
    else this.#addPiece(value);
  }

  #addNumber(value: number): void {
    if (isQuantity(value)) this.#addPiece(quantity(value));
    else if (isQuantity(-value)) {
      this.#text += '-';
      this.#addPiece(quantity(-value));
    } else this.#text += String(value);
  }

  #addPiece(piece: Piece): void {
    this.#parts ??= [];
    if (this.#text !== '') this.#parts.push(this.#text);
    this.#text = '';
    this.#parts.push(piece);
  }

  get code(): Code {
    if (this.#parts === undefined) return this.#text;
    if (this.#text !== '') this.#parts.push(this.#text);
    return new Sequence(this.#parts);
  }
}

/** Code from a template. Its numbers are those that code of one form may differ in; `fixed` makes one a part of the text. */
export function emit(texts: TemplateStringsArray, ...values: readonly (Code | number)[]): Code {
  const builder = new Builder();
  builder.add(texts[0]!);
  for (let i = 0; i < values.length; i += 1) {
    builder.add(values[i]!);
    builder.add(texts[i + 1]!);
  }
  return builder.code;
}

/** A number that stays as it is: part of a name or of another number, or a divisor, which compilers like to know. */
export function fixed(value: number): string {
  return String(value);
}

/** Codes one behind the other. */
export function joined(values: readonly (Code | number)[], separator = ''): Code {
  const builder = new Builder();
  for (let i = 0; i < values.length; i += 1) {
    if (i > 0) builder.add(separator);
    builder.add(values[i]!);
  }
  return builder.code;
}

export function partsOf(code: Code): readonly (string | Piece)[] {
  return code instanceof Sequence ? code.parts : [code];
}

/** Text of code; `owner`: the name of its kernel, where it has functions of its own. */
export function spelled(code: Code, owner = ''): string {
  if (typeof code === 'string') return code;
  let text = '';
  for (const part of partsOf(code)) text += typeof part === 'string' ? part : part.spell(owner);
  return text;
}

/** Equal for code of one form. */
export function keyOf(code: Code): string {
  let key = '';
  for (const part of partsOf(code)) key += typeof part === 'string' ? part : part.key;
  return key;
}
