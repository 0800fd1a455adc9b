import type { IndexWriter } from '../copy-index.js';

/** Whole numbers in C, with the statements that declare them. */
export class IndexStatements implements IndexWriter {
  readonly statements: string[] = [];

  constructor(private readonly prefix = 'at') {}

  declare(text: string): string {
    const name = `${this.prefix}${this.statements.length}`;
    this.statements.push(`const int64_t ${name} = ${text};`);
    return name;
  }

  select(condition: string, yes: string, no: string): string {
    return `(${condition} ? ${yes} : ${no})`;
  }
}
