/**
 * How ranks wait for each other, and how they end. Waiting gives way to computing. A rank that does not answer ends the run by name: of
 * those that wait for it one speaks, and the others leave it the time to. A rank that fails tells the first one why, which looks for that
 * whenever it waits, and alone prints.
 */
export const WAITING = String.raw`
enum { OF_PARTS = 1, OF_SUMS, OF_HOST, OF_FAILURE };

/* Seconds for which those that have something to say leave it to another one. */
enum { COURTESY = 10 };

static int rank, size;
static double patience;
static MPI_Comm of_kernels, of_host;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_for(long nanoseconds) {
  const struct timespec t = {0, nanoseconds};
  nanosleep(&t, NULL);
}

static int exit_code;
static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER;

static void leave_at_once(void) { _exit(exit_code); }

/* The first thread that ends the ranks; others stand still from here on. */
static void begin_to_end(void) { pthread_mutex_lock(&ending); }

/* A launcher that ends its processes may lose what it has not read of them yet. */
static void leave_time_to_read(void) {
  int unread = 0;
  fflush(stderr);
  for (const double since = now(); now() - since < 1.0; pause_for(1000000))
    if (ioctl(STDERR_FILENO, FIONREAD, &unread) != 0 || unread <= 0) break;
}

/* MPI may leave by exit(), which would take away what other threads still work with: this is the first that it calls. */
static void end_all(int code) {
  exit_code = code;
  leave_time_to_read();
  atexit(leave_at_once);
  MPI_Abort(MPI_COMM_WORLD, code);
  _exit(code);
}

static void *room(size_t bytes) {
  void *block = malloc(bytes > 0 ? bytes : 1);
  if (block != NULL) return block;
  begin_to_end();
  fprintf(stderr, "error[AMP6510]: rank %d of %d has no memory for %zu bytes to exchange\n", rank, size, bytes);
  end_all(1);
  return NULL;
}

/* Another rank may have told the first one why it failed: an int, the exit code, and a text. */
static void hear_of_failures(void) {
  int found = 0, bytes = 0;
  MPI_Status status;
  MPI_Iprobe(MPI_ANY_SOURCE, OF_FAILURE, of_host, &found, &status);
  if (!found) return;
  begin_to_end();
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  char *const told = calloc((size_t)bytes + 1, 1);
  int code = 1;
  if (told != NULL) {
    MPI_Recv(told, bytes, MPI_BYTE, status.MPI_SOURCE, OF_FAILURE, of_host, MPI_STATUS_IGNORE);
    memcpy(&code, told, sizeof(code));
    fprintf(stderr, "%s", told + sizeof(code));
  }
  end_all(code);
}

static void give_up_on(int late) {
  begin_to_end();
  fprintf(stderr,
          "error[AMP6507]: rank %d of %d has not answered for %.0f seconds\n"
          " = why: rank %d waits for its part of a step; it hangs, is stopped, or its machine cannot be reached\n"
          " = fix: see what it does there; AMPC_RANK_TIMEOUT=SECONDS waits longer; --resume goes on from the last checkpoint\n",
          late, size, patience, rank);
  end_all(1);
}

/* Waits for all requests, request i of which comes from rank of[i], or, where that is negative, goes out. */
static void await(int count, MPI_Request *requests, const int *of) {
  const double since = now();
  for (int64_t tries = 0;; tries++) {
    int done = 0;
    MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE);
    if (done) return;
    if (tries < 200) continue;
    pause_for(tries < 2000 ? 20000 : 200000);
    if (rank == 0) hear_of_failures();
    const double waited = now() - since;
    if (patience <= 0 || waited <= patience) continue;
    int late = -1;
    for (int i = 0; i < count && late < 0; i++) {
      int arrived = requests[i] == MPI_REQUEST_NULL;
      if (!arrived) MPI_Request_get_status(requests[i], &arrived, MPI_STATUS_IGNORE);
      if (!arrived) late = of[i] < 0 ? -1 - of[i] : of[i];
    }
    const int speaks = rank == (late == 0 ? 1 : 0);
    if (late >= 0 && (speaks || waited > patience + COURTESY)) give_up_on(late);
  }
}

/* Says on the first rank why this one failed, and ends all. That the first one says has been printed. */
EXPORT void ampc_mpi_fail(int code, const char *text) {
  begin_to_end();
  if (rank > 0) {
    const size_t bytes = sizeof(code) + strlen(text);
    char *const told = malloc(bytes);
    if (told != NULL) {
      MPI_Request request;
      int is_heard = 0;
      memcpy(told, &code, sizeof(code));
      memcpy(told + sizeof(code), text, bytes - sizeof(code));
      /* A synchronous message is sent when it is received: from then on the first rank has the word, and ends this one. */
      MPI_Issend(told, (int)bytes, MPI_BYTE, 0, OF_FAILURE, of_host, &request);
      for (double since = now(); patience <= 0 || now() - since < patience; pause_for(1000000)) {
        if (is_heard) continue;
        MPI_Test(&request, &is_heard, MPI_STATUS_IGNORE);
        if (is_heard) since = now();
      }
      if (is_heard) end_all(code);
    }
    /* It hangs. */
    fprintf(stderr, "%s", text);
  }
  end_all(code);
}

/* Whoever starts waits for all to do so, without a way to ask who does not. */
typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int is_there, rank, size;
} beginning;

static void *watch_beginning(void *given) {
  beginning *const all = given;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += (time_t)(patience + 1 + (all->rank > 0 ? COURTESY : 0));
  pthread_mutex_lock(&all->mutex);
  int late = 0;
  while (!all->is_there && !late) late = pthread_cond_timedwait(&all->changed, &all->mutex, &until) != 0;
  pthread_mutex_unlock(&all->mutex);
  if (!late) return NULL;
  fprintf(stderr,
          "error[AMP6507]: not all %d ranks have begun, says rank %d after %.0f seconds\n"
          " = why: one of them hangs, is stopped, or its machine cannot be reached\n"
          " = fix: see that ampc starts on every machine; AMPC_RANK_TIMEOUT=SECONDS waits longer\n",
          all->size, all->rank, patience);
  _exit(1);
}

static void initialize(int *level, int expected_rank, int expected_size) {
  beginning all = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, expected_rank, expected_size};
  pthread_t watcher;
  const int is_watched = patience > 0 && pthread_create(&watcher, NULL, watch_beginning, &all) == 0;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, level);
  if (!is_watched) return;
  pthread_mutex_lock(&all.mutex);
  all.is_there = 1;
  pthread_cond_broadcast(&all.changed);
  pthread_mutex_unlock(&all.mutex);
  pthread_join(watcher, NULL);
}
`;
