import type { StorageType } from '../../numeric/formats.js';
import { CONTRACTIONS, transposition } from './contraction-prelude.js';
import { byteFormat } from './prelude-bytes.js';
import { CALLS } from './prelude-calls.js';
import { EXCHANGE, WIRE } from './prelude-exchange.js';
import { EXPORTS } from './prelude-exports.js';
import { FORMATS } from './prelude-formats.js';
import { MATH } from './prelude-math.js';
import { MEMORY } from './prelude-memory.js';
import { SUMS } from './prelude-sums.js';
import { THREADS } from './prelude-threads.js';
import { TRACE } from './prelude-trace.js';
import { VECTORS } from './prelude-vectors.js';
import { THREAD_STACK } from './stack.js';
import type { Target } from './target.js';

const INCLUDES = String.raw`
/* The file can be compiled in parts, side by side: -DAMPC_PART=0, 1, ... Without that, it is whole. */
#ifndef AMPC_PART
#define AMPC_PART -1
#endif
#define IN_PART(n) (AMPC_PART < 0 || AMPC_PART == (n))
#ifdef _WIN32
#define HIDDEN
#else
#define HIDDEN __attribute__((visibility("hidden")))
#endif

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <malloc.h>
#include <windows.h>
#else
#include <pthread.h>
#include <sched.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
`;

export interface Sizes {
  readonly states: number;
  readonly arena: number;
  /** Behind the arena. */
  readonly workspace: number;
  /** Most kernels of any function. */
  readonly groups: number;
  /** Pointers to buffers that the kernels of all functions take. */
  readonly places: number;
}

/** What every generated file starts with; `storage`: the storage formats that it has values in. */
export function prelude(target: Target, sizes: Sizes, storage: readonly StorageType[] = []): string {
  const constants = [
    `#define LANES ${target.lanes}`,
    `#define STATES_BYTES ${sizes.states}`,
    `#define ARENA_BYTES ${sizes.arena + sizes.workspace}`,
    `#define THREAD_STACK ${THREAD_STACK}`,
    `#define GROUPS ${sizes.groups}`,
    `#define PLACES ${Math.max(1, sizes.places)}`,
  ];
  const sections = [
    ...[VECTORS, FORMATS, SUMS, MATH, WIRE, THREADS, EXCHANGE, MEMORY, TRACE],
    ...storage.map(byteFormat),
    ...[CALLS, CONTRACTIONS, transposition(target.lanes)],
  ];
  return `${INCLUDES}\n${constants.join('\n')}\n${sections.join('')}`;
}

export { EXPORTS };
