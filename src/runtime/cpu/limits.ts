import { prelude } from '../../codegen/c/prelude.js';
import { EXPORTS } from '../../codegen/c/prelude-exports.js';
import type { Target } from '../../codegen/c/target.js';
import type { MachineLimits, Rate } from '../backend.js';
import { buildLibrary } from './cache.js';
import type { Compiler } from './compiler.js';
import { NATIVE_FUNCTIONS, type NativePlan, openLibrary } from './native.js';

/** Beyond the caches of the largest server processors; shared by the threads. */
const MEMORY_BYTES = 512 << 20;

/** Each is the number of a case of `call_function`. */
const MEASURES = { f32: 0, bf16: 1, read: 2, copy: 3 } as const;

/**
 * One task a thread: repeats its work until `seconds` have passed and leaves its rate, in units of 10^9 a second. Twelve independent
 * chains cover the latency of two multiply-add units and fit sixteen registers with both factors.
 */
const TASKS = String.raw`
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define CHAIN_COUNT 12
#define ROUNDS 20000

static volatile float sink;
static volatile float nearly_one = 0.99f, small = 0.01f;

#define RATE_TASK(name, STEP, flops) \
  static void name(void *const *p, int64_t task) { \
    const double seconds = *(const double *)p[0]; \
    const vf a = vf_set(nearly_one), b = vf_set(small); \
    CHAINS(START) \
    double done = 0, elapsed; \
    const double start = seconds_now(); \
    do { \
      for (int i = 0; i < ROUNDS; i++) { CHAINS(STEP) } \
      done += (double)ROUNDS * CHAIN_COUNT * (flops); \
      elapsed = seconds_now() - start; \
    } while (elapsed < seconds); \
    vf sum = a; \
    CHAINS(ADD) \
    sink = vf_sum(sum); \
    ((double *)p[1])[task] = done / elapsed * 1e-9; \
  }
#define START(i) vf s##i = vf_set((float)i);
#define ADD(i) sum += s##i;
#define STEP_F32(i) s##i = vf_fma(s##i, a, b);
RATE_TASK(f32_task, STEP_F32, 2 * LANES)
#if defined(__AVX512BF16__) && LANES == 16
#define STEP_BF16(i) s##i = dot_pairs(s##i, (vu)a, (vu)b);
RATE_TASK(bf16_task, STEP_BF16, 4 * LANES)
#endif

static void read_task(void *const *p, int64_t task) {
  const double seconds = *(const double *)p[0];
  const int64_t bytes = *(const int64_t *)p[3];
  const vf *from = (const vf *)((const char *)p[2] + task * bytes);
  const int64_t count = bytes / (int64_t)sizeof(vf);
  double done = 0, elapsed;
  const double start = seconds_now();
  do {
    vf s0 = vf_set(0.0f), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t i = 0; i < count; i += 4) {
      s0 += from[i];
      s1 += from[i + 1];
      s2 += from[i + 2];
      s3 += from[i + 3];
    }
    sink = vf_sum(s0 + s1 + s2 + s3);
    done += (double)bytes;
    elapsed = seconds_now() - start;
  } while (elapsed < seconds);
  ((double *)p[1])[task] = done / elapsed * 1e-9;
}

static void copy_task(void *const *p, int64_t task) {
  const double seconds = *(const double *)p[0];
  const int64_t half = *(const int64_t *)p[3] / 2;
  char *const from = (char *)p[2] + task * half * 2;
  double done = 0, elapsed;
  const double start = seconds_now();
  do {
    memcpy(from + half, from, (size_t)half);
    sink = ((const float *)(from + half))[0];
    done += 2.0 * (double)half;
    elapsed = seconds_now() - start;
  } while (elapsed < seconds);
  ((double *)p[1])[task] = done / elapsed * 1e-9;
}

/* Sum of the rates of all threads; 0 where there is no such instruction. */
static int call_function(ampc_context *ctx, int function, char *inputs, double *outputs, int trace) {
  const int64_t threads = ctx->workers + 1;
  int64_t bytes = ARENA_BYTES / threads / 4096 * 4096;
  double *rates = (double *)ctx->states;
  void *const p[] = {inputs, rates, ctx->arena, &bytes};
  (void)trace;
  outputs[0] = 0;
  switch (function) {
    case 0: parallel_for(ctx, f32_task, p, threads); break;
#if defined(__AVX512BF16__) && LANES == 16
    case 1: parallel_for(ctx, bf16_task, p, threads); break;
#endif
    case 2: parallel_for(ctx, read_task, p, threads); break;
    case 3: parallel_for(ctx, copy_task, p, threads); break;
    default: return 0;
  }
  for (int64_t i = 0; i < threads; i++) outputs[0] += rates[i];
  return 0;
}
`;

/** Runs of each measure; the best counts, for anything else that runs meanwhile only takes away. */
const REPEATS = 4;

async function best(library: NativePlan, measure: number, seconds: number): Promise<number> {
  const inputs = new Uint8Array(Float64Array.of(seconds).buffer);
  const rate = new Float64Array(1);
  let most = 0;
  for (let i = 0; i < REPEATS; i += 1) {
    await library.call(measure, inputs, rate, 0);
    most = Math.max(most, rate[0]!);
  }
  return most;
}

type Measured = Readonly<Record<keyof typeof MEASURES, number>>;

async function measureWith(path: string, threads: number, seconds: number): Promise<Measured> {
  const library = openLibrary(path, { threads, scratch: 64 });
  try {
    const share = seconds / 2 / Object.keys(MEASURES).length / REPEATS;
    const measured: Record<string, number> = {};
    for (const [name, measure] of Object.entries(MEASURES)) measured[name] = await best(library, measure, share);
    return measured as Measured;
  } finally {
    library.close();
  }
}

/**
 * Measures this processor with the instructions that a target allows, on one core and on `threads`, in about `seconds`. The arithmetic runs
 * on registers alone, the memory rates on half a gigabyte. Throws UserError when the compiler refuses, or memory is short.
 */
export async function measureLimits(compiler: Compiler, target: Target, threads: number, seconds = 2): Promise<MachineLimits> {
  const sizes = { states: 8 * Math.max(64, threads), arena: MEMORY_BYTES, workspace: 0, groups: 1, places: 0 };
  const { path } = await buildLibrary([prelude(target, sizes), TASKS, EXPORTS].join('\n'), compiler, target, [], {
    functions: NATIVE_FUNCTIONS,
  });
  const one = await measureWith(path, 1, seconds);
  const all = threads === 1 ? one : await measureWith(path, threads, seconds);
  const rate = (of: (measured: Measured) => number): Rate => ({ one: of(one), all: of(all) });
  return {
    threads,
    f32: rate(({ f32 }) => f32),
    bf16: target.bf16Dot ? rate(({ bf16 }) => bf16) : undefined,
    memory: rate(({ read, copy }) => Math.max(read, copy)),
  };
}
