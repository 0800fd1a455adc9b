/** Types, and what every thread asks the device for: one instruction each, since nothing is included. The tests have their own of these. */
export const DEVICE_PRELUDE = String.raw`
#if !defined(AMPC_ON_PROCESSOR)
#if defined(__clang__) && !defined(__CUDACC__)
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#endif
#define DEVICE static __device__ inline __attribute__((always_inline))
#define MEMBER __device__ inline __attribute__((always_inline))
#define KERNEL(...) extern "C" __global__ void __launch_bounds__(__VA_ARGS__)
#define SHARED(type, name, length) __shared__ __attribute__((aligned(128))) type name[length]
#define UNROLL _Pragma("unroll")
#endif

namespace ampc {
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef float f32;

#if !defined(AMPC_ON_PROCESSOR)
DEVICE u32 bits(f32 x) { u32 r; asm("mov.b32 %0, %1;" : "=r"(r) : "f"(x)); return r; }
DEVICE f32 from_bits(u32 x) { f32 r; asm("mov.b32 %0, %1;" : "=f"(r) : "r"(x)); return r; }
DEVICE f32 fma(f32 a, f32 b, f32 c) { f32 r; asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(r) : "f"(a), "f"(b), "f"(c)); return r; }
DEVICE f32 root(f32 x) { f32 r; asm("sqrt.rn.f32 %0, %1;" : "=f"(r) : "f"(x)); return r; }
DEVICE i32 nearest(f32 x) { i32 r; asm("cvt.rni.s32.f32 %0, %1;" : "=r"(r) : "f"(x)); return r; }
DEVICE u16 f16_code(f32 x) { u16 r; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x)); return r; }
DEVICE f32 f16_value(u16 x) { f32 r; asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x)); return r; }
DEVICE u16 bf16_code(f32 x) { u16 r; asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(x)); return r; }

/* x, of which the compiler takes nothing as known that it knew before. */
DEVICE u32 anew(u32 x) { asm volatile("mov.u32 %0, %0;" : "+r"(x)); return x; }
DEVICE u32 thread_of_block() { u32 r; asm("mov.u32 %0, %%tid.x;" : "=r"(r)); return r; }
DEVICE u32 block_x() { u32 r; asm("mov.u32 %0, %%ctaid.x;" : "=r"(r)); return r; }
DEVICE u32 block_y() { u32 r; asm("mov.u32 %0, %%ctaid.y;" : "=r"(r)); return r; }
/* Waits for the first so many threads of the block, at a barrier of their own: others may be at another one. */
template <u32 THREADS> DEVICE void barrier() { asm volatile("bar.sync %0, %1;" ::"n"(THREADS / 32u % 16u), "n"(THREADS) : "memory"); }
/* What other blocks have written before they added to a number is seen behind a fence by whom the sum tells of it. */
DEVICE void fence() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }
DEVICE u32 add_atomic(u32 *to, u32 x) {
  u32 r;
  asm volatile("atom.add.u32 %0, [%1], %2;" : "=r"(r) : "l"(to), "r"(x) : "memory");
  return r;
}
/* x of the lane with that number. All lanes of the warp call it. */
DEVICE f32 shuffle(f32 x, u32 lane) {
  u32 r;
  asm volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(r) : "r"(bits(x)), "r"(lane));
  return from_bits(r);
}

DEVICE u32 shared_address(const void *p) { u64 r; asm("cvta.to.shared.u64 %0, %1;" : "=l"(r) : "l"(p)); return u32(r); }
/* 16 bytes to shared memory: those at "from", or zeros. They are there behind copy_wait. */
DEVICE void copy_async(void *to, const void *from, bool take) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(take ? 16 : 0) : "memory");
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/* Waits for all groups of copies but the last N. */
template <int N> DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
/* Four matrices of 8 x 8 codes of 16 bits: lane i gives row i % 8 of matrix i / 8. */
DEVICE void load_matrices(u32 *r, const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
DEVICE void load_matrices_turned(u32 *r, const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
/* d += a * b of a warp: 16 x 16 by 16 x 8, sums in f32. */
#define AMPC_MULTIPLY(name, type) \
  DEVICE void name(f32 *d, const u32 *a, const u32 *b) { \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 " \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
  }
AMPC_MULTIPLY(multiply_f16, "f16")
AMPC_MULTIPLY(multiply_bf16, "bf16")
#endif
`.trim();
