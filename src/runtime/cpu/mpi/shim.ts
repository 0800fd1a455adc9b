import { WIRE } from '../../../codegen/c/prelude-exchange.js';

/**
 * What carries exchanges over MPI: a thread of its own takes buckets in the order in which they were started. MPI moves bytes and adds up
 * nothing: each rank gets all parts of its own stretch of a bucket, adds them up in the order of the ranks from zero on, in f32, and sends
 * the sum to all. Waiting gives way to computing, and a rank that is waited for too long ends the run by name.
 */
export const SHIM = String.raw`
#include <mpi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
${WIRE}
#define EXPORT __attribute__((visibility("default")))

typedef struct job {
  struct job *next;
  exchange_part *parts;
  int32_t count, wire;
  int64_t elements;
  char *own;
} job;

static int rank, size, stopping;
static double patience;
static MPI_Comm of_kernels, of_host;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static job *first, *last;
static int64_t left_over;
static pthread_t carrier;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(size_t bytes) {
  void *block = malloc(bytes > 0 ? bytes : 1);
  if (block != NULL) return block;
  fprintf(stderr, "ampc: rank %d has no memory for %zu bytes to exchange\n", rank, bytes);
  MPI_Abort(MPI_COMM_WORLD, 1);
  return NULL;
}

/* Waits for all requests, request i of which comes from rank of[i], or, where that is negative, goes out. */
static void await(int count, MPI_Request *requests, const int *of) {
  const double since = now();
  for (int64_t tries = 0;; tries++) {
    int done = 0;
    MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE);
    if (done) return;
    if (tries < 200) continue;
    const struct timespec pause = {0, tries < 2000 ? 20000 : 200000};
    nanosleep(&pause, NULL);
    if (patience > 0 && now() - since > patience) {
      int late = -1;
      for (int i = 0; i < count && late < 0; i++) {
        int arrived = requests[i] == MPI_REQUEST_NULL;
        if (!arrived) MPI_Request_get_status(requests[i], &arrived, MPI_STATUS_IGNORE);
        if (!arrived) late = of[i] < 0 ? -1 - of[i] : of[i];
      }
      fprintf(stderr, "error[AMP6507]: rank %d did not answer rank %d for %.0f seconds; all ranks end\n", late, rank, patience);
      MPI_Abort(MPI_COMM_WORLD, 75);
    }
  }
}

static int64_t stretch(int64_t elements, int of) { return elements * of / size; }

/* Sends each rank its part of from, at most 2^30 bytes, and takes what each has for this one; own parts are left alone. */
static void swap(MPI_Comm comm, int tag, char *const *from, const int64_t *out, char *const *to, const int64_t *in) {
  MPI_Request *requests = room(2 * (size_t)size * sizeof(MPI_Request));
  int *of = room(2 * (size_t)size * sizeof(int)), count = 0;
  for (int step = 1; step < size; step++) {
    const int source = (rank + size - step) % size;
    if (in[source] == 0) continue;
    MPI_Irecv(to[source], (int)in[source], MPI_BYTE, source, tag, comm, &requests[count]);
    of[count++] = source;
  }
  for (int step = 1; step < size; step++) {
    const int target = (rank + step) % size;
    if (out[target] == 0) continue;
    MPI_Isend(from[target], (int)out[target], MPI_BYTE, target, tag, comm, &requests[count]);
    of[count++] = -1 - target;
  }
  await(count, requests, of);
  free(requests);
  free(of);
}

static void carry(job *work) {
  const int64_t unit = wire_size(work->wire), begin = stretch(work->elements, rank);
  const int64_t length = stretch(work->elements, rank + 1) - begin;
  char *const parts = room((size_t)(length * unit) * (size_t)size);
  char **from = room((size_t)size * sizeof(char *)), **to = room((size_t)size * sizeof(char *));
  int64_t *out = room((size_t)size * sizeof(int64_t)), *in = room((size_t)size * sizeof(int64_t));
  for (int r = 0; r < size; r++) {
    from[r] = work->own + stretch(work->elements, r) * unit;
    out[r] = (stretch(work->elements, r + 1) - stretch(work->elements, r)) * unit;
    to[r] = parts + (int64_t)r * length * unit;
    in[r] = length * unit;
  }
  swap(of_kernels, 1, from, out, to, in);
  float *const sum = room((size_t)length * sizeof(float));
  for (int64_t i = 0; i < length; i++) sum[i] = 0.0f;
  for (int r = 0; r < size; r++) {
    const char *const part = r == rank ? from[rank] : to[r];
    if (work->wire == WIRE_F32)
      for (int64_t i = 0; i < length; i++) sum[i] += ((const float *)part)[i];
    else
      for (int64_t i = 0; i < length; i++) sum[i] += read_wire(part, work->wire, i);
  }
  const exchange_part packed = {sum, NULL, length, 0};
  pack_wire(&packed, work->wire, from[rank]);
  /* Every rank gets the same stretch, and what it sent is no longer needed: sums take its place. */
  for (int r = 0; r < size; r++) {
    to[r] = from[r];
    in[r] = out[r];
    from[r] = from[rank];
  }
  for (int r = 0; r < size; r++) out[r] = in[rank];
  swap(of_kernels, 2, from, out, to, in);
  int64_t at = 0;
  for (int32_t p = 0; p < work->count; p++) {
    const exchange_part *const part = &work->parts[p];
    if (work->wire == WIRE_F32) memcpy(part->to, work->own + 4 * at, (size_t)part->count * 4);
    else
      for (int64_t i = 0; i < part->count; i++) part->to[i] = read_wire(work->own, work->wire, at + i);
    at += part->count;
  }
  free(sum), free(parts), free(from), free(to), free(out), free(in);
}

static void *carry_all(void *unused) {
  (void)unused;
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (first == NULL && !stopping) pthread_cond_wait(&changed, &mutex);
    job *const work = first;
    pthread_mutex_unlock(&mutex);
    if (work == NULL) return NULL;
    carry(work);
    pthread_mutex_lock(&mutex);
    first = work->next;
    if (first == NULL) last = NULL;
    left_over--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    free(work->parts), free(work->own), free(work);
  }
}

static void start(const exchange_part *parts, int32_t count, int32_t wire) {
  job *const work = room(sizeof(job));
  *work = (job){NULL, room((size_t)count * sizeof(exchange_part)), count, wire, 0, NULL};
  memcpy(work->parts, parts, (size_t)count * sizeof(exchange_part));
  for (int32_t p = 0; p < count; p++) work->elements += parts[p].count;
  work->own = room((size_t)(work->elements * wire_size(wire)));
  char *at = work->own;
  for (int32_t p = 0; p < count; p++) {
    pack_wire(&parts[p], wire, at);
    at += parts[p].count * wire_size(wire);
  }
  pthread_mutex_lock(&mutex);
  if (last == NULL) first = work;
  else last->next = work;
  last = work;
  left_over++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}
static void finish(int64_t most) {
  pthread_mutex_lock(&mutex);
  while (left_over > most) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

EXPORT const void *ampc_mpi_functions(void) {
  static const exchange_functions functions = {start, finish};
  return &functions;
}

/* 0: ready. Otherwise 1 more than the level of threads that the library gives. numbers: rank and size. */
EXPORT int ampc_mpi_start(double seconds, int32_t *numbers, char *version) {
  int level = 0, length = 0, is_ready = 0;
  MPI_Initialized(&is_ready);
  if (!is_ready) MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level);
  else MPI_Query_thread(&level);
  if (level < MPI_THREAD_MULTIPLE) return 1 + level;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Comm_dup(MPI_COMM_WORLD, &of_kernels);
  MPI_Comm_dup(MPI_COMM_WORLD, &of_host);
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  MPI_Get_library_version(text, &length);
  snprintf(version, 256, "%s", text);
  patience = seconds;
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
  swap(of_host, 3, from, out, to, lengths);
  free(from), free(to), free(out);
}

/* One bucket of one value, for who computes elsewhere than in generated code. */
EXPORT void ampc_mpi_sum(const float *own, float *sum, int64_t count, int32_t wire) {
  const exchange_part part = {own, sum, count, 0};
  start(&part, 1, wire);
  finish(0);
}

EXPORT void ampc_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

/* Every rank ends well, and all together. */
EXPORT void ampc_mpi_end(void) {
  pthread_mutex_lock(&mutex);
  stopping = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  pthread_join(carrier, NULL);
  MPI_Finalize();
}
`;

export const SHIM_FUNCTIONS = [
  'ampc_mpi_functions',
  'ampc_mpi_start',
  'ampc_mpi_gather',
  'ampc_mpi_sum',
  'ampc_mpi_abort',
  'ampc_mpi_end',
] as const;
