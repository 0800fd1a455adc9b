import { type Code, emit } from '../code.js';
/** Statements before a loop, each made once. */
export class Prologue {
  readonly statements: Code[] = [];
  readonly #names = new Map<string, string>();

  /** Declares `type name = expression`, once per key. Returns the name. */
  declare(key: string, type: string, expression: Code): string {
    return this.add(key, (name) => [emit`const ${type} ${name} = ${expression};`]);
  }

  /** Adds statements that declare a name, once per key. Returns the name. */
  add(key: string, build: (name: string) => readonly Code[]): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `s${this.#names.size}`;
    this.#names.set(key, name);
    this.statements.push(...build(name));
    return name;
  }
}
