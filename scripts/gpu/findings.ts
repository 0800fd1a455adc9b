import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportOf } from './report.js';

/** What is found out, a line each. */
export type Row =
  | { readonly kind: 'machine'; readonly what: string; readonly value: string }
  | {
      readonly kind: 'time';
      readonly work: string;
      readonly side: string;
      /** Milliseconds of a step. */
      readonly median: number;
      readonly min: number;
      readonly count: number;
    }
  | {
      readonly kind: 'training';
      readonly what: string;
      readonly side: string;
      readonly seconds: number;
      /** Of the test images, 0 to 1. */
      readonly accuracy: number | null;
      /** Whether it is the run that the goal is about. */
      readonly counts: boolean;
    }
  | { readonly kind: 'test'; readonly what: string; readonly passed: boolean; readonly seconds: number; readonly says: string }
  | { readonly kind: 'note'; readonly what: string; readonly says: string }
  /** What the machine lacks, what failed or took too long, what the time did not suffice for. */
  | { readonly kind: 'missing'; readonly what: string; readonly why: string };

/** Writes each row as it comes, and the report again: whatever ends the program, what was found out is there. */
export class Findings {
  readonly rows: Row[] = [];

  constructor(
    readonly folder: string,
    private readonly about: string,
  ) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'results.jsonl'), '');
  }

  add(row: Row): void {
    this.rows.push(row);
    appendFileSync(join(this.folder, 'results.jsonl'), `${JSON.stringify(row)}\n`);
    writeFileSync(join(this.folder, 'report.md'), this.report());
    console.log(describe(row));
  }

  report(): string {
    return reportOf(this.rows, this.about);
  }
}

function describe(row: Row): string {
  switch (row.kind) {
    case 'machine':
      return `${row.what}: ${row.value}`;
    case 'time':
      return `${row.work}, ${row.side}: ${row.median.toFixed(3)} ms (best ${row.min.toFixed(3)}, ${row.count} timings)`;
    case 'training':
      return `${row.what}, ${row.side}: ${percent(row.accuracy)} in ${row.seconds.toFixed(2)} s`;
    case 'test':
      return `${row.passed ? 'passed' : 'FAILED'} ${row.what} (${row.seconds.toFixed(0)} s): ${row.says}`;
    case 'note':
      return `${row.what}: ${row.says}`;
    case 'missing':
      return `not there: ${row.what}: ${row.why}`;
  }
}

export function percent(share: number | null): string {
  return share === null ? 'no accuracy' : `${(100 * share).toFixed(2)} %`;
}
