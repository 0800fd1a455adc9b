import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { largeFile } from './large-file.js';
import { median } from './statistics.js';

/**
 * What a keystroke costs the language server: until its diagnostics are there, until the plan is, and with what an editor asks for then.
 * Processor time of the whole process, so that other work on the machine counts for little, and time as it passes. Of the package as it is
 * built: `npm run build && npx tsx bench/editor.ts`.
 */
const built = (file: string): Promise<unknown> => import(new URL(`../dist/${file}`, import.meta.url).href);
const { Session } = (await built('server/session.js')) as typeof import('../src/server/session.js');
const { codeLenses, encodedTokens, inlayHints } = (await built('server/features.js')) as typeof import('../src/server/features.js');
const { values } = parseArgs({ options: { keystrokes: { type: 'string', default: '60' } } });
const KEYSTROKES = Number(values.keystrokes);
const WARM_UP = 10;

interface Moment {
  readonly processor: number;
  readonly wall: number;
}

function now(): Moment {
  const { user, system } = process.cpuUsage();
  return { processor: (user + system) / 1000, wall: performance.now() };
}

/** A text and a number in it that is typed anew each time: the program changes, and with it the plan. */
interface Work {
  readonly name: string;
  readonly text: string;
  readonly digit: number;
}

const resnet = readFileSync(new URL('../examples/resnet18.amp', import.meta.url), 'utf8');
const large = largeFile(5000);
const WORKS: readonly Work[] = [
  { name: 'ResNet-18', text: resnet, digit: resnet.indexOf('64') },
  { name: 'a file of 5,000 lines', text: large, digit: large.lastIndexOf('16) as part') + 1 },
];

/** Of one keystroke: from it until what is awaited is there. */
class Stopwatch {
  private begun = now();
  readonly diagnostics: Moment[] = [];
  readonly plan: Moment[] = [];
  readonly all: Moment[] = [];
  planned: (() => void) | undefined;

  begin(): void {
    this.begun = now();
  }

  note(list: Moment[]): void {
    const { processor, wall } = now();
    list.push({ processor: processor - this.begun.processor, wall: wall - this.begun.wall });
  }
}

async function measure({ name, text, digit }: Work, isBroken: boolean): Promise<string> {
  const watch = new Stopwatch();
  const session = new Session({
    publish: () => watch.note(watch.diagnostics),
    planned: () => {
      watch.note(watch.plan);
      watch.planned?.();
    },
    failed: (error) => {
      throw error;
    },
  });
  const uri = 'file:///net.amp';
  for (let i = 0; i < WARM_UP + KEYSTROKES; i++) {
    const typed = isBroken ? `${'|'.repeat(1 + (i % 2))}` : String(1 + (i % 8));
    const changed = text.slice(0, digit) + typed + text.slice(digit + 1);
    const planned = new Promise<void>((resolve) => {
      watch.planned = resolve;
    });
    watch.begin();
    session.documents.set({ uri, version: i, text: changed });
    session.changed();
    await planned;
    const analysis = session.analysis(uri)!;
    const whole = { start: { line: 0, character: 0 }, end: { line: analysis.lines.lineCount, character: 0 } };
    inlayHints(analysis, session.plan(uri), whole, session.settings.hints);
    encodedTokens(analysis);
    codeLenses(analysis, session.plan(uri), [], uri);
    watch.note(watch.all);
  }
  const cells = [watch.diagnostics, watch.plan, watch.all].flatMap((moments) => {
    const kept = moments.slice(WARM_UP);
    return [kept.map(({ processor }) => processor), kept.map(({ wall }) => wall)].map((times) => median(times).toFixed(0));
  });
  return `| ${[`${name}, ${text.split('\n').length} lines${isBroken ? ', with a syntax error' : ''}`, ...cells].join(' | ')} |`;
}

console.log('| keystroke in | diagnostics, processor ms | ms | plan, processor ms | ms | all that is shown, processor ms | ms |');
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const work of WORKS) for (const isBroken of [false, true]) console.log(await measure(work, isBroken));
