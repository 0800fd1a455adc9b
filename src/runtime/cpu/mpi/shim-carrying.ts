/** How values travel: a thread takes buckets in the order in which they were started, and the first kernel that reads of one waits. */
export const CARRYING = String.raw`
typedef struct job {
  struct job *next;
  exchange_part *parts;
  int32_t count, wire;
  int64_t elements;
  char *own;
} job;

static int stopping;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static job *first, *last;
static int64_t left_over;
static pthread_t carrier;

/* Seconds so far in which buckets travelled, and for which kernels stood still until they had come. */
static double travelled, waited;

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
  swap(of_kernels, OF_PARTS, from, out, to, in);
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
  swap(of_kernels, OF_SUMS, from, out, to, in);
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
    const double since = now();
    carry(work);
    pthread_mutex_lock(&mutex);
    travelled += now() - since;
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
  const double since = left_over > most ? now() : 0;
  while (left_over > most) pthread_cond_wait(&changed, &mutex);
  if (since > 0) waited += now() - since;
  pthread_mutex_unlock(&mutex);
}
`;
