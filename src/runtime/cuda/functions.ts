import { fitsSeries, seriesRates } from '../../codegen/c/series.js';
import type { CudaFunction, CudaProgram } from '../../codegen/cuda/emit.js';
import { CHECK_BLOCKS } from '../../codegen/cuda/support.js';
import { elementCount, type Graph } from '../../ir/types.js';
import type { FunctionName, Plan } from '../../plan/plan.js';
import type { Handle } from './calls.js';
import { behind, type Device } from './device.js';
import type { Feed } from './feed.js';
import { type BlockAddresses, issue, issueRange, launchesOf, type PlanLaunch, type ReadyLaunch, supportLaunch } from './launches.js';
import type { Modules } from './modules.js';
import { type ScalarRing, scalarAddresses } from './scalars.js';

const WORD = 8;

/** The exponents of an element, all ones in an infinity or a NaN. */
const MASKS = { f32: 0x7f800000, f16: 0x7c00, bf16: 0x7f80 } as const;

/** A function with its launches; its graphs are captured once, when they are first run. */
export class ReadyFunction {
  readonly #before: readonly ReadyLaunch[];
  readonly #after: readonly ReadyLaunch[];
  readonly #batch: readonly ReadyLaunch[] | undefined;
  readonly #launches: readonly PlanLaunch[];
  readonly #graphs = new Map<'call' | 'series', Handle>();

  constructor(
    readonly fn: CudaFunction,
    private readonly graph: Graph,
    private readonly parts: PlanOnDevice,
    tables: Handle,
  ) {
    const { program, modules, at, ring, feed } = parts;
    const { layout } = fn;
    const count = layout.scalars.length;
    const isKeptBefore = scalarAddresses(layout, at, 'before').some((address) => address !== 0);
    const [early, late, rates] = [tables, behind(tables, count * WORD), behind(tables, 2 * count * WORD)];
    this.#launches = launchesOf(fn, program, modules, at);
    this.#before = isKeptBefore ? [supportLaunch(modules, 'ampc_keep', 1, [early, count, ring.address])] : [];
    this.#after = [supportLaunch(modules, 'ampc_end', 1, [late, count, ring.address, feed.address])];
    if (!fitsSeries(layout)) return;
    const input = (name: string) => layout.inputs.get(name);
    const address = (name: string) => behind(at.inputs, input(name)!.offset);
    const { shape } = input('image')!.type;
    const target = input('target');
    this.#batch = [
      supportLaunch(modules, 'ampc_images', shape[0]!, [
        ...[feed.address, address('image'), address('label')],
        ...[target === undefined ? 0 : address('target'), target?.type.shape.at(-1) ?? 0, rates, parts.rates.length],
      ]),
    ];
  }

  /** Asks the device for a call, of the inputs that are there or with those of the next place of the series. */
  run(how: 'call' | 'series'): void {
    const { device, ring } = this.parts;
    if (how === 'series' && this.#batch === undefined) throw new Error(`${this.fn.name} cannot run in a series`);
    let graph = this.#graphs.get(how);
    if (graph === undefined) {
      const all = [...(how === 'series' ? this.#batch! : []), ...this.#before, ...this.#launches, ...this.#after];
      graph = device.capture(() => issue(device, all));
      this.#graphs.set(how, graph);
    }
    device.run(graph);
    ring.add(this.fn.layout);
  }

  /** The same, one kernel after another; `first` becomes the number of the first value that is stored and not finite. */
  trace(first: Handle): void {
    const { device, modules, at, ring } = this.parts;
    issue(device, this.#before);
    for (const launch of this.#launches) {
      issue(device, [launch]);
      for (const value of launch.stores) {
        const place = this.fn.layout.places.get(value);
        const { dtype, shape } = this.graph.nodes[value]!.type;
        if (place === undefined || !(dtype in MASKS)) continue;
        const mask = MASKS[dtype as keyof typeof MASKS];
        const values = behind(at[place.block], place.offset);
        issue(device, [supportLaunch(modules, 'ampc_check', CHECK_BLOCKS, [values, elementCount(shape), mask, value, first])]);
      }
    }
    issue(device, this.#after);
    ring.add(this.fn.layout);
  }

  /** One call with the device's time for each group: parts of a kernel run apart, and its last block's work counts for the last one. */
  async time(): Promise<number[]> {
    const { device, ring } = this.parts;
    const runs = this.#launches.flatMap((launch) => launch.ranges.map((range) => ({ launch, ...range })));
    const events = Array.from({ length: runs.length + 1 }, () => device.event(true));
    try {
      issue(device, this.#before);
      device.record(events[0]!);
      for (const [i, { launch, first, blocks }] of runs.entries()) {
        issueRange(device, launch, first, blocks);
        device.record(events[i + 1]!);
      }
      issue(device, this.#after);
      ring.add(this.fn.layout);
      await device.settled();
      const seconds = this.fn.groups.map(() => 0);
      for (const [i, { group }] of runs.entries()) seconds[group]! += device.seconds(events[i]!, events[i + 1]!);
      return seconds;
    } finally {
      for (const event of events) device.forget('destroyEvent', event);
    }
  }

  free(): void {
    for (const graph of this.#graphs.values()) this.parts.device.forget('destroyRun', graph);
  }
}

/** A plan's memory on a device, and what is beside it. */
export interface PlanOnDevice {
  readonly plan: Plan;
  readonly program: CudaProgram;
  readonly device: Device;
  readonly modules: Modules;
  readonly at: BlockAddresses;
  readonly ring: ScalarRing;
  readonly feed: Feed;
  /** Inputs of any function that have learning rates. */
  readonly rates: readonly string[];
}

/** The functions of a plan, made ready when each is first asked for. */
export class Functions {
  readonly #ready = new Map<FunctionName, Promise<ReadyFunction>>();

  constructor(private readonly parts: PlanOnDevice) {}

  of(name: FunctionName): Promise<ReadyFunction> {
    const known = this.#ready.get(name);
    if (known !== undefined) return known;
    const ready = this.#prepare(name);
    ready.catch(() => undefined);
    this.#ready.set(name, ready);
    return ready;
  }

  async #prepare(name: FunctionName): Promise<ReadyFunction> {
    const { modules, program, plan, device, at, rates } = this.parts;
    await modules.of(name);
    const fn = program.functions.find((other) => other.name === name)!;
    const input = (of: string): Handle => {
      const slot = fn.layout.inputs.get(of);
      return slot === undefined ? 0 : behind(at.inputs, slot.offset);
    };
    const words = [
      ...scalarAddresses(fn.layout, at, 'before'),
      ...scalarAddresses(fn.layout, at, 'after'),
      ...[...rates, 'step'].map(input),
    ];
    const tables = device.allocate(words.length * WORD);
    const table = BigUint64Array.from(words, BigInt);
    await device.write(tables, new Uint8Array(table.buffer));
    return new ReadyFunction(fn, plan.functions.find((other) => other.name === name)!.graph, this.parts, tables);
  }

  /** Those that were made ready, as soon as nothing is being made. */
  async settle(): Promise<readonly ReadyFunction[]> {
    const all = await Promise.allSettled(this.#ready.values());
    return all.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }
}

/** In the order in which the calls of a series have them. */
export function ratesOf({ functions }: CudaProgram): readonly string[] {
  return seriesRates(functions.map(({ layout }) => layout));
}
