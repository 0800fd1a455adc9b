/*
 * CUDA's threads on the processor, for tests of generated kernels: what the prelude takes from the device, lane by lane as NVIDIA's PTX
 * documentation has it. A thread of a kernel in which threads meet is a fiber; of any other, a turn of a loop.
 */
#pragma once
#define AMPC_ON_PROCESSOR
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#define DEVICE static inline
#define MEMBER inline
#define KERNEL(...) static void
#if defined(__SANITIZE_THREAD__)
#include <map>
#include <string>
#include <sanitizer/tsan_interface.h>
#include <sys/mman.h>
#define TSAN(...) __VA_ARGS__
#define SHARED(type, name, length) type *const name = (type *)emu::shared_of_block(#name, sizeof(type) * (length))
extern "C" {
void AnnotateIgnoreReadsBegin(const char *, int); void AnnotateIgnoreReadsEnd(const char *, int);
void AnnotateIgnoreWritesBegin(const char *, int); void AnnotateIgnoreWritesEnd(const char *, int);
}
#else
#define TSAN(...)
#define SHARED(type, name, length) alignas(128) static type name[length]
#endif
/* In what follows, a thread works on what stands for the device, of which ThreadSanitizer is to know nothing. */
#define OWN TSAN(const emu::Ignored ignored;)
#define UNROLL

namespace emu {
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#if defined(__SANITIZE_THREAD__)
struct Ignored {
  Ignored() { AnnotateIgnoreReadsBegin("", 0); AnnotateIgnoreWritesBegin("", 0); }
  ~Ignored() { AnnotateIgnoreWritesEnd("", 0); AnnotateIgnoreReadsEnd("", 0); }
};
/** Memory that a block has for itself, of which nobody has known before. */
static std::map<std::string, std::pair<void *, size_t>> of_block;
static void *shared_of_block(const char *name, size_t bytes) {
  const Ignored ignored;
  auto &one = of_block[name];
  if (!one.first) one = {mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes};
  return one.first;
}
/** What a launch has done comes before the next one. */
static int launches_before, launch_now;
static void *main_twin;
#endif

/** One cp.async that nobody has waited for: groups are numbered from the thread's first. */
struct Copy { void *to; const void *from; u32 group; };

struct Fiber {
#if defined(__x86_64__)
  void *sp;
#else
  ucontext_t context;
#endif
  std::vector<u64> stack;
  std::vector<Copy> copies;
  u32 group;
  bool done;
  /** The thread that it is to ThreadSanitizer. */
  TSAN(void *twin;)
};

/** What the lanes of a warp bring to an instruction that they perform together. */
struct Warp { u32 arrived, turn; const char *at; u32 in[32][8], out[32][4]; float *sums[32]; const void *rows[32]; };

static std::vector<Fiber> fibers;
static std::vector<Warp> warps;
/** Barriers of a block, by the number of warps that meet there. */
struct Barrier { u32 arrived, turn; };
static Barrier barriers[33];
static u32 thread, threads, block[2], idle, left;
/** Rows of ldmatrix beyond those that different banks serve at once, of all. */
static u64 conflicts, accesses;
static bool meets;
static void (*body)(void *);
static void *argument;

[[noreturn]] static void fail(const char *what) {
  fprintf(stderr, "emu: %s: block %u, %u, thread %u\n", what, block[0], block[1], thread);
  abort();
}

#if defined(__x86_64__)
extern "C" void ampc_switch_fiber(void **from, void *to);
asm(".text\n.globl ampc_switch_fiber\nampc_switch_fiber:\n"
    "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
    "movq %rsp, (%rdi); movq %rsi, %rsp\n"
    "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret\n");
static void *main_sp;
__attribute__((noinline, no_sanitize("thread"))) static void enter(Fiber *from, Fiber *to) {
  TSAN(__tsan_switch_to_fiber(to ? to->twin : main_twin, __tsan_switch_to_fiber_no_sync);)
  ampc_switch_fiber(from ? &from->sp : &main_sp, to ? to->sp : main_sp);
}
#else
static ucontext_t main_context;
static void enter(Fiber *from, Fiber *to) { swapcontext(from ? &from->context : &main_context, to ? &to->context : &main_context); }
#endif

/** Lets the next thread go on that has not ended. */
static void yield() {
  if (++idle > 4 * threads) fail("threads wait for others that never come");
  const u32 me = thread;
  do thread = (thread + 1) % threads; while (fibers[thread].done);
  if (thread != me) enter(&fibers[me], &fibers[thread]);
  thread = me;
}

/** The thread that is next when this one has ended; none: all have. */
static Fiber *after(Fiber &me) {
  OWN
  if (!me.copies.empty()) fail("a thread ends before its copies");
  me.done = true;
  idle = 0;
  if (--left == 0) return nullptr;
  do thread = (thread + 1) % threads; while (fibers[thread].done);
  return &fibers[thread];
}
static Fiber &self() { OWN return fibers[thread]; }

static void call_body() {
  void (*call)(void *);
  void *with;
  { OWN call = body; with = argument; }
  call(with);
}

static void fiber_main() {
  TSAN(__tsan_acquire(&launches_before);)
  call_body();
  TSAN(__tsan_release(&launch_now);)
  Fiber &me = self();
  enter(&me, after(me));
  abort();
}

static void run_fibers() {
  OWN
  if (fibers.size() < threads) fibers.resize(threads);
  warps.assign((threads + 31) / 32, Warp());
  for (Barrier &one : barriers) one = Barrier();
  idle = 0;
  left = threads;
  for (u32 i = 0; i < threads; i += 1) {
    Fiber &f = fibers[i];
#if defined(__SANITIZE_THREAD__)
    char name[16];
    snprintf(name, sizeof name, "stack %u", i);
    u64 *top = (u64 *)shared_of_block(name, 65536) + 8192;
    f.twin = __tsan_create_fiber(0);
#else
    f.stack.resize(8192);
    u64 *top = &f.stack.back() - (u64(&f.stack.back()) / 8 % 2);
#endif
    f.copies.clear();
    f.group = 0;
    f.done = false;
#if defined(__x86_64__)
    *--top = 0;
    *--top = u64(fiber_main);
    f.sp = top - 6;
#else
    getcontext(&f.context);
    f.context.uc_stack = {top - 8000, 0, 64000};
    makecontext(&f.context, fiber_main, 0);
#endif
  }
  thread = 0;
  TSAN(main_twin = __tsan_get_current_fiber();)
  enter(nullptr, &fibers[0]);
  TSAN(__tsan_acquire(&launch_now);)
  TSAN(for (u32 i = 0; i < threads; i += 1) __tsan_destroy_fiber(fibers[i].twin);)
  TSAN(for (auto &one : of_block) munmap(one.second.first, one.second.second);)
  TSAN(of_block.clear();)
}

/** Runs a kernel on all blocks; `threads_meet`: it has barriers, or instructions of a warp. */
template <class F> void launch(u32 x, u32 y, u32 size, bool threads_meet, F call) {
  threads = size;
  meets = threads_meet TSAN(|| true);
  body = [](void *f) { (*(F *)f)(); };
  argument = &call;
  for (block[1] = 0; block[1] < y; block[1] += 1)
    for (block[0] = 0; block[0] < x; block[0] += 1) {
      if (meets) run_fibers();
      else for (thread = 0; thread < threads; thread += 1) call();
    }
  TSAN(__tsan_release(&launches_before);)
}

static void barrier(u32 count) {
  OWN
  if (!meets) fail("a barrier in a kernel without");
  if (thread >= count || count > threads || count % 32) fail("a barrier of other threads");
  Barrier &b = barriers[count / 32];
  const u32 turn = b.turn;
  idle = 0;
  TSAN(__tsan_release(&b);)
  if (++b.arrived == count) { b.arrived = 0; b.turn += 1; }
  while (b.turn == turn) yield();
  TSAN(__tsan_acquire(&b);)
}

/** All 32 lanes of a warp come to the same instruction; the last one performs it. */
template <class F> void meet(const char *at, F perform) {
  OWN
  if (!meets) fail("an instruction of a warp in a kernel without");
  Warp &w = warps[thread / 32];
  if (w.arrived == 0) w.at = at;
  else if (strcmp(w.at, at) != 0) fail("lanes of a warp are at different instructions");
  const u32 turn = w.turn;
  idle = 0;
  if (++w.arrived == 32) { perform(w); w.arrived = 0; w.turn += 1; }
  while (w.turn == turn) yield();
}

static inline float float_of(u32 x) { float r; memcpy(&r, &x, 4); return r; }
static inline u32 bits_of(float x) { u32 r; memcpy(&r, &x, 4); return r; }

static inline float from_f16(u16 x) {
  const u32 sign = u32(x & 0x8000) << 16, size = x & 0x7fff;
  if (size >= 0x7c00) return float_of(sign | 0x7f800000 | size << 13);
  const float value = float_of(size << 13) * 0x1p112f;
  return float_of(bits_of(value) | sign);
}
/** To the nearest, ties to even; a NaN is 0x7fff, as cvt makes it. */
static inline u16 to_f16(float x) {
  const u32 sign = bits_of(x) >> 16 & 0x8000, size = bits_of(x) & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;
  if (size >= 0x477ff000) return u16(sign | 0x7c00);
  if (size < 0x38800000) return u16(sign | (bits_of(float_of(size) + 0.5f) - 0x3f000000));
  return u16(sign | ((size + 0xfff + (size >> 13 & 1) - 0x38000000) >> 13));
}
static inline u16 to_bf16(float x) {
  const u32 b = bits_of(x);
  if ((b & 0x7fffffff) > 0x7f800000) return 0x7fff;
  return u16((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

/** Takes the copies that a thread has waited for from those under way. */
static std::vector<Copy> due_copies(u32 newest) {
  OWN
  Fiber &f = fibers[thread];
  size_t kept = 0;
  std::vector<Copy> due;
  for (const Copy &c : f.copies) {
    if (c.group + newest >= f.group) f.copies[kept++] = c;
    else due.push_back(c);
  }
  f.copies.resize(kept);
  return due;
}
static void perform_copies(u32 newest) {
  for (const Copy &c : due_copies(newest)) {
    if (c.from) memcpy(c.to, c.from, 16);
    else memset(c.to, 0, 16);
  }
}

/** Four matrices of 8 x 8 codes: lane l gets of matrix i, row l / 4, codes 2 (l % 4) and the next; turned, columns for rows. */
static void load_matrices(u32 *r, const void *row, bool turned) {
  if (u64(row) % 16) fail("a misaligned row of a matrix");
  u32 codes[4];
  memcpy(codes, row, 16);
  OWN
  Warp &w = warps[thread / 32];
  const u32 lane = thread % 32;
  memcpy(w.in[lane], codes, 16);
  w.rows[lane] = row;
  meet(turned ? "ldmatrix.trans" : "ldmatrix", [turned](Warp &w) {
    /* Eight rows of 16 bytes are served at once, if they lie in all 32 banks of 4 bytes. */
    for (u32 m = 0; m < 4; m += 1) {
      u32 rows_of_bank[8] = {}, most = 0;
      for (u32 i = 0; i < 8; i += 1) {
        const u32 n = ++rows_of_bank[u64(w.rows[m * 8 + i]) / 16 % 8];
        if (n > most) most = n;
      }
      accesses += 1;
      conflicts += most - 1;
    }
    for (u32 m = 0; m < 4; m += 1)
      for (u32 l = 0; l < 32; l += 1) {
        const auto code = [&](u32 i, u32 j) { u16 c; memcpy(&c, (const u8 *)w.in[m * 8 + i] + j * 2, 2); return u32(c); };
        const u32 i = l / 4, j = l % 4 * 2;
        w.out[l][m] = turned ? code(j, i) | code(j + 1, i) << 16 : code(i, j) | code(i, j + 1) << 16;
      }
  });
  memcpy(r, w.out[lane], 16);
}

/**
 * mma.m16n8k16: of a, register i of a lane has row lane / 4 + 8 (i % 2), columns 2 (lane % 4) + 8 (i / 2) and the next; of b, register i
 * has rows 2 (lane % 4) + 8 i and the next, column lane / 4; of the sums, number e has row lane / 4 + 8 (e / 2), column 2 (lane % 4) + e % 2.
 */
template <class Widen> void multiply(float *d, const u32 *a, const u32 *b, Widen widen, const char *name) {
  OWN
  Warp &w = warps[thread / 32];
  const u32 lane = thread % 32;
  memcpy(w.in[lane], a, 16);
  memcpy(w.in[lane] + 4, b, 8);
  w.sums[lane] = d;
  meet(name, [widen](Warp &w) {
    float x[16][16], y[16][8];
    for (u32 l = 0; l < 32; l += 1)
      for (u32 i = 0; i < 6; i += 1)
        for (u32 h = 0; h < 2; h += 1) {
          const float value = widen(u16(w.in[l][i] >> (16 * h)));
          if (i < 4) x[l / 4 + i % 2 * 8][l % 4 * 2 + h + i / 2 * 8] = value;
          else y[l % 4 * 2 + h + (i - 4) * 8][l / 4] = value;
        }
    for (u32 r = 0; r < 16; r += 1) {
      float sum[8] = {};
      for (u32 k = 0; k < 16; k += 1)
        for (u32 n = 0; n < 8; n += 1) sum[n] += x[r][k] * y[k][n];
      for (u32 n = 0; n < 8; n += 1) w.sums[r % 8 * 4 + n / 2][r / 8 * 2 + n % 2] += sum[n];
    }
  });
}
} // namespace emu

namespace ampc {
using emu::u16; using emu::u32; using emu::u64;
DEVICE u32 bits(float x) { return emu::bits_of(x); }
DEVICE float from_bits(u32 x) { return emu::float_of(x); }
DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE float root(float x) { return __builtin_sqrtf(x); }
DEVICE int nearest(float x) { return int(__builtin_lrintf(x)); }
DEVICE u16 f16_code(float x) { return emu::to_f16(x); }
DEVICE float f16_value(u16 x) { return emu::from_f16(x); }
DEVICE u16 bf16_code(float x) { return emu::to_bf16(x); }
DEVICE u32 anew(u32 x) { return x; }
DEVICE u32 thread_of_block() { OWN return emu::thread; }
DEVICE u32 block_x() { OWN return emu::block[0]; }
DEVICE u32 block_y() { OWN return emu::block[1]; }
template <u32 THREADS> DEVICE void barrier() { emu::barrier(THREADS); }
/* What a thread has done before an addition is seen by those that add behind it: a missing fence does not show. */
DEVICE void fence() {}
DEVICE u32 add_atomic(u32 *to, u32 x) {
  TSAN(OWN __tsan_acquire(to); __tsan_release(to);)
  const u32 before = *to;
  *to = before + x;
  return before;
}
DEVICE float shuffle(float x, u32 lane) {
  OWN
  emu::Warp &w = emu::warps[emu::thread / 32];
  const u32 me = emu::thread % 32;
  w.in[me][0] = bits(x);
  w.in[me][1] = lane;
  emu::meet("shfl.idx", [](emu::Warp &w) { for (u32 i = 0; i < 32; i += 1) w.out[i][0] = w.in[w.in[i][1] % 32][0]; });
  return from_bits(w.out[me][0]);
}
/* What it writes is spoilt until the thread has waited, so that a missing wait shows. */
DEVICE void copy_async(void *to, const void *from, bool take) {
  if (u64(to) % 16 || (take && u64(from) % 16)) emu::fail("a misaligned copy");
  memset(to, 0xff, 16);
  OWN
  emu::Fiber &f = emu::fibers[emu::thread];
  f.copies.push_back({to, take ? from : nullptr, f.group});
}
DEVICE void copy_commit() { OWN emu::fibers[emu::thread].group += 1; }
template <int N> DEVICE void copy_wait() { emu::perform_copies(N); }
DEVICE void load_matrices(u32 *r, const void *row) { emu::load_matrices(r, row, false); }
DEVICE void load_matrices_turned(u32 *r, const void *row) { emu::load_matrices(r, row, true); }
DEVICE void multiply_f16(float *d, const u32 *a, const u32 *b) { emu::multiply(d, a, b, emu::from_f16, "mma.f16"); }
DEVICE void multiply_bf16(float *d, const u32 *a, const u32 *b) {
  emu::multiply(d, a, b, [](u16 x) { return emu::float_of(u32(x) << 16); }, "mma.bf16");
}
} // namespace ampc
