import { type Code, emit } from '../code.js';
import { type ChannelSource, Locals, type Position } from './expression.js';
import type { KernelContext } from './kernel.js';
import { arraySize } from './kernel-code.js';
import type { Prologue } from './prologue.js';
import { TABLES_ON_STACK } from './stack.js';
import { indent } from './text.js';

/** Channel values in tables that start over after the last channel, so that a vector may cross from one row to the next. */
export class ChannelTables implements ChannelSource {
  /** By number of channels: the variable that counts them. */
  readonly counters = new Map<number, string>();
  private onStack = 0;
  private inScratch = 0;

  constructor(
    private readonly context: KernelContext,
    private readonly prologue: Prologue,
  ) {}

  /** Declares a table of so many floats: on the stack while the loop's tables are small, else in the thread's scratch. */
  private declare(table: string, floats: number): Code {
    const bytes = Math.ceil(floats / 16) * 64;
    if (this.onStack + bytes <= TABLES_ON_STACK) {
      this.onStack += bytes;
      return emit`float ${table}[${arraySize(floats)}];`;
    }
    const offset = this.inScratch;
    this.inScratch += bytes;
    this.context.scratch(this.inScratch);
    return emit`float *const ${table} = (float *)(thread_scratch + ${offset});`;
  }

  index(channels: number): string {
    const name = this.counters.get(channels) ?? `channel${this.counters.size}`;
    this.counters.set(channels, name);
    return name;
  }

  derive(locals: Locals, channels: number, key: string, build: (inner: Locals) => Code): string {
    const [shared] = locals.shared.get(key) ?? [];
    if (shared !== undefined) return shared;
    const name = this.prologue.add(key, (table) => {
      const inner = new Locals(this.context, { index: 'c', channel: 'c', lanes: 'n' });
      const value = build(inner);
      return [
        this.declare(table, channels + this.context.target.lanes),
        emit`for (int64_t c = 0; c < ${channels}; c += LANES) {`,
        emit`  const int64_t n = min64(LANES, ${channels} - c);`,
        ...indent([...inner.statements, emit`store_f32_part(${table} + c, ${value}, n);`]),
        '}',
        emit`for (int64_t c = 0; c < LANES; c++) ${table}[${channels} + c] = ${table}[c];`,
      ];
    });
    const variable = locals.temporary(`load_f32(${name} + ${this.index(channels)})`);
    locals.shared.set(key, [variable]);
    return variable;
  }
}

/** Channel values in variables ahead of the loop over rows. */
export class ChannelVariables implements ChannelSource {
  readonly statements: Code[] = [];
  private readonly names = new Map<string, string>();

  constructor(
    private readonly context: KernelContext,
    private readonly at: Position,
    private readonly suffix: string,
  ) {}

  index(): string {
    return this.at.channel;
  }

  derive(_locals: Locals, _channels: number, key: string, build: (inner: Locals) => Code): string {
    const known = this.names.get(key);
    if (known !== undefined) return known;
    const name = `h${this.names.size}${this.suffix}`;
    this.names.set(key, name);
    const inner = new Locals(this.context, { ...this.at, index: this.at.channel }, { suffix: name });
    const value = build(inner);
    this.statements.push(...inner.statements, emit`const vf ${name} = ${value};`);
    return name;
  }
}
