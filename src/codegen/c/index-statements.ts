import { type Code, emit } from '../code.js';
import type { IndexWriter } from '../copy-index.js';

/** Whole numbers in C, with the statements that declare them. */
export class IndexStatements implements IndexWriter {
  readonly statements: Code[] = [];

  constructor(private readonly prefix = 'at') {}

  declare(text: Code): string {
    const name = `${this.prefix}${this.statements.length}`;
    this.statements.push(emit`const int64_t ${name} = ${text};`);
    return name;
  }

  select(condition: Code, yes: Code, no: Code): Code {
    return emit`(${condition} ? ${yes} : ${no})`;
  }
}
