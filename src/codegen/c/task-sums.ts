import { elementCount } from '../../ir/types.js';
import { isOfKind } from '../../ops/index.js';
import { type Code, emit, joined } from '../code.js';
import type { Kernel, KernelContext } from './kernel.js';
import { called, head } from './kernel-code.js';
import { LOOP_PARAMETERS, partLength } from './loops.js';
import { type ChannelPass, channelPass, channelRoot, finishChannel, type Partials, type RowParts, reservePartials } from './reduce.js';
import { rowLoop } from './row-loop.js';
import { indent } from './text.js';

/** A task of fewer rows leaves its sums to a loop of their own: partial sums would take as much memory as they save. */
const LEAST_ROWS = 64;

/** The rows and channels of a contraction's result that are complete where a task ends. */
export interface Completed {
  readonly parts: RowParts;
  /** C expressions: the number of the part that the rows are, and the first of them. */
  readonly part: Code;
  readonly begin: Code;
  /** And the one behind the last. */
  readonly end: Code;
  /** Of the channels, from where a vector begins, and how many vectors as a rule; left out: all of them. */
  readonly channels?: { readonly from: Code; readonly to: Code; readonly vectors: number };
}

/**
 * The sums over rows in a contraction's group: batch statistics, parameter gradients. Each task adds up what it has just made, which is in
 * its cache still, where that is whole rows, or whole vectors of channels of them; otherwise a launch of their own does.
 */
export class TaskSums {
  readonly #passes: readonly ChannelPass[];
  readonly #channels: number;
  readonly #rows: number;
  #partials: readonly Partials[] = [];
  #parts: RowParts | undefined;
  #loop: Code = '';

  constructor(private readonly context: KernelContext) {
    this.#passes = context.group.nodes
      .filter((id) => isOfKind(context.node(id).op, 'reduce'))
      .flatMap((id) => channelPass(context, id) ?? []);
    const { shape } = context.anchor.type;
    this.#channels = shape.at(-1)!;
    this.#rows = elementCount(shape) / this.#channels;
    for (const id of this.#passes.flatMap(({ reads }) => reads)) if (context.isMember(id)) context.spill(id);
  }

  /** What a task does last. */
  endTask({ parts, part, begin, end, channels }: Completed): Code {
    if (this.#passes.length === 0 || parts.length < LEAST_ROWS) return '';
    return emit`  ${this.#call(parts, part, begin, end, channels)}\n`;
  }

  /** The kernel of the contraction with all that the sums take. */
  complete(kernel: Kernel): Kernel {
    if (this.#passes.length === 0) return kernel;
    const { context } = this;
    const { name } = context;
    const alone = this.#parts === undefined ? this.#alone() : undefined;
    const parts = this.#parts!;
    const results = this.#partials.flatMap((partials) => partials.pass.ids.map((id) => ({ id, partials })));
    const finish = results.flatMap(({ id, partials }, i) => {
      const child = context.child('q');
      const lines = finishChannel(child, id, partials, parts);
      return [emit`if (task == ${i}) {`, emit`  void *const *const q = p + ${context.adopt(child.table)};`, ...indent(lines), '}'];
    });
    const code = [
      emit`${head('static void', name.and('_sums'), `${LOOP_PARAMETERS}, int64_t from, int64_t to`)}\n${this.#loop}`,
      kernel.code,
      ...(alone === undefined ? [] : [alone]),
      head('static void', name.and('_finish_sums'), 'void *const *p, int64_t task'),
      ...indent(finish),
      '}',
      '',
    ];
    const launches = [
      ...kernel.launches,
      ...(alone === undefined ? [] : [{ name: name.and('_add'), tasks: parts.count }]),
      { name: name.and('_finish_sums'), tasks: results.length },
    ];
    return { ...kernel, code: joined(code, '\n'), launches };
  }

  #all(): NonNullable<Completed['channels']> {
    return { from: '0', to: emit`${this.#channels}`, vectors: Math.ceil(this.#channels / this.context.target.lanes) };
  }

  /** A task for the rows of a part. */
  #alone(): Code {
    const length = partLength(this.#rows, this.#channels, 1);
    const parts = { count: Math.ceil(this.#rows / length), length };
    const call = this.#call(parts, 'task', emit`task * ${length}`, emit`min64((task + 1) * ${length}, ${this.#rows})`);
    return emit`${head('static void', this.context.name.and('_add'), 'void *const *p, int64_t task')}\n  ${call}\n}\n`;
  }

  #call(parts: RowParts, part: Code, begin: Code, end: Code, channels = this.#all()): Code {
    const { context } = this;
    this.#parts = parts;
    this.#partials = this.#passes.map((pass) => reservePartials(context, pass, parts.count));
    const child = context.child();
    const roots = this.#partials.map((partials) => channelRoot(child, partials));
    const { code } = rowLoop(child, context.anchor.type.shape, roots, { some: channels.vectors, isMaterialized: () => true });
    this.#loop = code;
    const table = emit`p + ${context.adopt(child.table)}`;
    return emit`${called(context.name.and('_sums'), table, part, begin, end, channels.from, channels.to)};`;
  }
}
