import { printPlan } from '../plan/print.js';
import { type CompileOptions, compile } from './compile.js';
import { type DiffLine, diffLines } from './diff-lines.js';
import { readSource } from './source.js';

/** A plan's text: of a dumped plan as it is, of a `.amp` file after compiling it. */
async function planText(path: string, options: CompileOptions): Promise<string> {
  const source = await readSource(path);
  return source.text.startsWith('plan @') ? source.text : printPlan((await compile(source, options)).plan);
}

/** Compares the plans of two `.amp` files, or of two dumped plans, line by line with the value numbers left out. */
export async function diffPlans(a: string, b: string, options: CompileOptions = {}): Promise<DiffLine[]> {
  const [left, right] = [await planText(a, options), await planText(b, options)];
  return diffLines(left.trimEnd().split('\n'), right.trimEnd().split('\n'));
}
