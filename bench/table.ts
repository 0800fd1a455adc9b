import type { MachineLimits } from '../src/runtime/backend.js';
import type { Measurement } from './measure.js';
import type { Resources } from './resources.js';
import type { Timing } from './statistics.js';
import type { Goal } from './works.js';

/** A Markdown table; the first `left` columns are text, the others numbers. */
export function markdown(header: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i < left ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Three digits that count: 4.61, 46.1, 461. */
export function formatMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

function timing({ median, min }: Timing): string {
  return `${formatMs(median)} (${formatMs(min)})`;
}

function percent(fraction: number): string {
  return `${Math.round(100 * fraction)} %`;
}

/** GFLOP/s that the arithmetic of a precision can reach here: bf16 where there are dot products of it; f16 is computed in f32. */
export function limitOf(precision: Measurement['precision'], limits: MachineLimits): number {
  return ((precision === 'bf16' ? limits.bf16 : undefined) ?? limits.f32).all;
}

/** ampc's time over that of what the goal compares with; undefined when that was not timed. */
export function ratioOf({ work, precision, ampc, torch, own }: Measurement): number | undefined {
  const other = work.goals[precision]?.against === 'own fp32' ? own : torch;
  return other === undefined ? undefined : ampc.median / other.median;
}

function formatGoal({ against, atMost, aim }: Goal): string {
  return `${atMost.toFixed(2)}${aim === undefined ? '' : `, aim ${aim.toFixed(2)}`}${against === 'PyTorch' ? '' : ` of ${against}`}`;
}

/** `met`, `aim met` or `missed`; empty without a ratio. */
export function verdict(ratio: number | undefined, goal: Goal | undefined): string {
  if (ratio === undefined || goal === undefined) return '';
  if (goal.aim !== undefined && ratio <= goal.aim) return 'aim met';
  return ratio <= goal.atMost ? 'met' : 'missed';
}

export function timingTable(all: readonly Measurement[], limits: MachineLimits): string {
  const rows = all.map((measurement) => {
    const { work, precision, ampc, torch, flops } = measurement;
    const goal = work.goals[precision];
    const ratio = ratioOf(measurement);
    const rate = (ms: number) => flops / ms / 1e6;
    const limit = limitOf(precision, limits);
    return [
      work.title,
      precision,
      timing(ampc),
      torch === undefined ? '-' : `${timing(torch)} ${torch.mode}`,
      ratio === undefined ? '-' : ratio.toFixed(2),
      goal === undefined ? '-' : formatGoal(goal),
      verdict(ratio, goal) || '-',
      rate(ampc.median).toFixed(0),
      percent(rate(ampc.median) / limit),
      torch === undefined ? '-' : percent(rate(torch.median) / limit),
    ];
  });
  const header = ['work', 'precision', 'ampc, ms', 'PyTorch, ms', 'ratio', 'goal', '', 'ampc, GFLOP/s', 'of limit', 'PyTorch, of limit'];
  return markdown(header, rows, 2);
}

const MIB = 1 << 20;

function mib(bytes: number | undefined): string {
  return bytes === undefined || Number.isNaN(bytes) ? '-' : (bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0);
}

/** The plan's forecast of a step's tensors beside what was allocated for them; one line for each plan. */
export function memoryTable(all: readonly Measurement[]): string {
  const rows = all
    .filter(({ work }) => work.kind === 'step')
    .map(({ work, precision, memory }) => {
      const allocated = memory.states + memory.arena + memory.workspace;
      return [
        work.title,
        precision,
        mib(memory.forecast),
        mib(memory.states + memory.arena),
        mib(memory.workspace),
        percent(allocated / memory.forecast - 1),
      ];
    });
  return markdown(['plan', 'precision', 'forecast, MiB', 'states and arena, MiB', 'workspace, MiB', 'allocated over forecast'], rows, 2);
}

export function resourceTable(all: readonly Resources[]): string {
  const rows = all.map(({ model, precision, ampcRss, torchRss, compileMs, coldMs, cachedMs }) => [
    model,
    precision,
    mib(ampcRss),
    mib(torchRss),
    (compileMs / 1000).toFixed(2),
    (coldMs / 1000).toFixed(2),
    (cachedMs / 1000).toFixed(2),
  ]);
  const header = [
    'training run',
    'precision',
    'ampc peak, MiB',
    'PyTorch peak, MiB',
    'compile, s',
    'first step cold, s',
    'first step cached, s',
  ];
  return markdown(header, rows, 2);
}

export function limitsLine({ threads, f32, bf16, memory }: MachineLimits): string {
  const rate = (name: string, { one, all }: MachineLimits['f32'], unit: string, digits = 0) =>
    `${name} ${one.toFixed(digits)} ${unit} on one core, ${all.toFixed(digits)} on ${threads}`;
  const dot = bf16 === undefined ? 'no bf16 dot product' : rate('bf16 dot product', bf16, 'GFLOP/s');
  return `Limits, measured in the same run: ${rate('f32', f32, 'GFLOP/s')}; ${dot}; ${rate('memory', memory, 'GB/s', 1)}.`;
}

/** The better of two measurements of the same limits: whatever else runs on a machine only takes away. */
export function bestLimits(a: MachineLimits, b: MachineLimits): MachineLimits {
  const best = (x: MachineLimits['f32'], y: MachineLimits['f32']) => ({ one: Math.max(x.one, y.one), all: Math.max(x.all, y.all) });
  return {
    threads: a.threads,
    f32: best(a.f32, b.f32),
    bf16: a.bf16 === undefined || b.bf16 === undefined ? undefined : best(a.bf16, b.bf16),
    memory: best(a.memory, b.memory),
  };
}
