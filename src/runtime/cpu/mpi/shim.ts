import { WIRE } from '../../../codegen/c/prelude-exchange.js';
import { CARRYING } from './shim-carrying.js';
import { MEASURING } from './shim-measuring.js';
import { WAITING } from './shim-waiting.js';

/**
 * What carries exchanges over MPI: a thread of its own takes buckets in the order in which they were started. MPI moves bytes and adds up
 * nothing: each rank gets all parts of its own stretch of a bucket, adds them up in the order of the ranks from zero on, in f32, and sends
 * the sum to all.
 */
export const SHIM = String.raw`
#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
${WIRE}
#define EXPORT __attribute__((visibility("default")))
${WAITING}
${CARRYING}
${MEASURING}
EXPORT const void *ampc_mpi_functions(void) {
  static const exchange_functions functions = {start, finish};
  return &functions;
}

/* 0: ready. Otherwise 1 more than the level of threads of the library. numbers: rank and size, as the launcher and then as MPI says. */
EXPORT int ampc_mpi_start(double seconds, int32_t *numbers, char *version) {
  int level = 0, length = 0, is_ready = 0;
  patience = seconds;
  MPI_Initialized(&is_ready);
  if (!is_ready) initialize(&level, numbers[0], numbers[1]);
  else MPI_Query_thread(&level);
  if (level < MPI_THREAD_MULTIPLE) return 1 + level;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Comm_dup(MPI_COMM_WORLD, &of_kernels);
  MPI_Comm_dup(MPI_COMM_WORLD, &of_host);
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  MPI_Get_library_version(text, &length);
  snprintf(version, 256, "%s", text);
  numbers[0] = rank;
  numbers[1] = size;
  return pthread_create(&carrier, NULL, carry_all, NULL) == 0 ? 0 : -1;
}

/* What all ranks give, of lengths that are known to all, one behind the other. */
EXPORT void ampc_mpi_gather(const void *own, const int64_t *lengths, void *all) {
  char **from = room((size_t)size * sizeof(char *)), **to = room((size_t)size * sizeof(char *));
  int64_t *out = room((size_t)size * sizeof(int64_t)), at = 0;
  for (int r = 0; r < size; r++) {
    from[r] = (char *)own;
    out[r] = lengths[rank];
    to[r] = (char *)all + at;
    at += lengths[r];
  }
  memcpy(to[rank], own, (size_t)lengths[rank]);
  swap(of_host, OF_HOST, from, out, to, lengths);
  free(from), free(to), free(out);
}

/* One bucket of one value, for who computes elsewhere than in generated code. */
EXPORT void ampc_mpi_sum(const float *own, float *sum, int64_t count, int32_t wire) {
  const exchange_part part = {own, sum, count, 0};
  start(&part, 1, wire);
  finish(0);
}

/* Of the time so far: in which buckets travelled, and for which kernels waited. */
EXPORT void ampc_mpi_times(double *seconds) {
  pthread_mutex_lock(&mutex);
  seconds[0] = travelled;
  seconds[1] = waited;
  pthread_mutex_unlock(&mutex);
}

/* Every rank ends well, and all together; MPI itself would wait for ever. */
EXPORT void ampc_mpi_end(void) {
  pthread_mutex_lock(&mutex);
  stopping = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  pthread_join(carrier, NULL);
  int64_t *const ones = room((size_t)size * sizeof(int64_t));
  char *const all = room((size_t)size);
  for (int r = 0; r < size; r++) ones[r] = 1;
  ampc_mpi_gather("", ones, all);
  free(ones), free(all);
  MPI_Finalize();
}
`;

export const SHIM_FUNCTIONS = [
  'ampc_mpi_functions',
  'ampc_mpi_start',
  'ampc_mpi_gather',
  'ampc_mpi_sum',
  'ampc_mpi_measure',
  'ampc_mpi_times',
  'ampc_mpi_fail',
  'ampc_mpi_end',
] as const;
