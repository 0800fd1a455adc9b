import { MATH } from './prelude-math.js';
import { EXPORTS, THREADS } from './prelude-threads.js';
import { VECTORS } from './prelude-vectors.js';
import type { Target } from './target.js';

const INCLUDES = String.raw`
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

/** What every generated file starts with. */
export function prelude(target: Target): string {
  return `${INCLUDES}\n#define LANES ${target.lanes}\n${VECTORS}${MATH}${THREADS}`;
}

export { EXPORTS };
