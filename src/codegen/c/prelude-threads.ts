/**
 * The context (states, arena, scratch) and a pool of threads that share out the tasks of one kernel at a time. Which thread runs a task
 * never matters: a task writes only what is its own, and sums over tasks are made afterwards in task order.
 */
export const THREADS = String.raw`
/* Not every part of the file uses everything. */
#define LOCAL static __attribute__((unused))

typedef void task_function(void *const *p, int64_t task);

#ifdef _WIN32
typedef HANDLE thread_handle;
typedef CRITICAL_SECTION pool_mutex;
typedef CONDITION_VARIABLE pool_condition;
#define mutex_init(m) InitializeCriticalSection(m)
#define mutex_lock(m) EnterCriticalSection(m)
#define mutex_unlock(m) LeaveCriticalSection(m)
#define mutex_destroy(m) DeleteCriticalSection(m)
#define condition_init(c) InitializeConditionVariable(c)
#define condition_wait(c, m) SleepConditionVariableCS(c, m, INFINITE)
#define condition_broadcast(c) WakeAllConditionVariable(c)
#define condition_destroy(c) ((void)(c))
#define yield_thread() SwitchToThread()
#else
typedef pthread_t thread_handle;
typedef pthread_mutex_t pool_mutex;
typedef pthread_cond_t pool_condition;
#define mutex_init(m) pthread_mutex_init(m, NULL)
#define mutex_lock(m) pthread_mutex_lock(m)
#define mutex_unlock(m) pthread_mutex_unlock(m)
#define mutex_destroy(m) pthread_mutex_destroy(m)
#define condition_init(c) pthread_cond_init(c, NULL)
#define condition_wait(c, m) pthread_cond_wait(c, m)
#define condition_broadcast(c) pthread_cond_broadcast(c)
#define condition_destroy(c) pthread_cond_destroy(c)
#define yield_thread() sched_yield()
#endif

#if defined(__x86_64__) || defined(__i386__)
#define pause_thread() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define pause_thread() __asm__ volatile("yield")
#else
#define pause_thread() ((void)0)
#endif

/* About 50 microseconds: longer than the serial code between two kernels, shorter than what a person's other work would miss. */
#define SPINS 2000

typedef struct ampc_context {
  /* These three first and in this order: a context of another library may read them. */
  char *states, *arena;
  int64_t arena_bytes;
  /* Whether another context frees them. */
  int borrows_states, borrows_arena;
  /* What the current kernel's tasks may write to that no other task reads: scratch_bytes for each thread, the caller's first. */
  char *scratch;
  int64_t scratch_bytes;
  /* Scratch of its own, own_bytes for each thread; what needs more borrows a part of the arena that is free. */
  char *own_scratch;
  int64_t own_bytes;
  /* Of all threads together. */
  size_t own_whole;
  _Atomic int started;
  int workers;
  thread_handle *threads;
  /* The current kernel; stable while any of its tasks is unfinished. */
  task_function *function;
  void *const *pointers;
  int64_t tasks;
  /* Tasks not yet handed out, with the kernel's number in the upper half so that a late worker cannot mistake one for another. */
  _Alignas(64) _Atomic uint64_t left;
  _Alignas(64) _Atomic int64_t finished;
  _Alignas(64) _Atomic int sleeping;
  _Atomic int stop;
  pool_mutex mutex;
  pool_condition wake;
  /* The other ranks, or NULL, and the buckets that this call has started. */
  const exchange_functions *peers;
  int64_t begun;
  /* Seconds spent in each kernel of the traced call. */
  double last_mark;
  double seconds[GROUPS];
  /* The buffers of all kernels, once they are placed for these inputs. */
  char *inputs;
  int placed;
  void *buffers[PLACES];
} ampc_context;

/* The scratch of the running task, and the number of its thread: the caller of parallel_for is 0. */
#if IN_PART(0)
HIDDEN _Thread_local char *thread_scratch;
HIDDEN _Thread_local int64_t thread_number;
#else
extern HIDDEN _Thread_local char *thread_scratch;
extern HIDDEN _Thread_local int64_t thread_number;
#endif

/* Gives each thread so many bytes in the kernel to come; place has room for all of them wherever the own blocks are too small. */
LOCAL void use_scratch(ampc_context *ctx, int64_t need, char *place) {
  ctx->scratch = need <= ctx->own_bytes ? ctx->own_scratch : place;
  ctx->scratch_bytes = need;
}

LOCAL void take_scratch(ampc_context *ctx) { thread_scratch = ctx->scratch + thread_number * ctx->scratch_bytes; }

/* Runs one task if any is left. */
LOCAL int run_one_task(ampc_context *ctx) {
  uint64_t left = atomic_load_explicit(&ctx->left, memory_order_acquire);
  while ((uint32_t)left != 0) {
    if (!atomic_compare_exchange_weak_explicit(&ctx->left, &left, left - 1, memory_order_acq_rel, memory_order_acquire)) continue;
    take_scratch(ctx);
    ctx->function(ctx->pointers, ctx->tasks - (int64_t)(uint32_t)left);
    atomic_fetch_add_explicit(&ctx->finished, 1, memory_order_release);
    return 1;
  }
  return 0;
}

LOCAL void work_until_stopped(ampc_context *ctx) {
  thread_number = 1 + atomic_fetch_add(&ctx->started, 1);
  for (;;) {
    int spins = 0;
    while (spins < SPINS) {
      if (run_one_task(ctx)) spins = 0;
      else {
        spins++;
        pause_thread();
      }
    }
    mutex_lock(&ctx->mutex);
    atomic_fetch_add(&ctx->sleeping, 1);
    while ((uint32_t)atomic_load(&ctx->left) == 0 && !atomic_load(&ctx->stop)) condition_wait(&ctx->wake, &ctx->mutex);
    atomic_fetch_sub(&ctx->sleeping, 1);
    mutex_unlock(&ctx->mutex);
    if (atomic_load(&ctx->stop)) return;
  }
}

#ifdef _WIN32
LOCAL DWORD WINAPI worker(void *context) {
  work_until_stopped((ampc_context *)context);
  return 0;
}
LOCAL int start_thread(thread_handle *thread, ampc_context *ctx) {
  *thread = CreateThread(NULL, THREAD_STACK, worker, ctx, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  return *thread != NULL;
}
LOCAL void join_thread(thread_handle thread) {
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}
#else
LOCAL void *worker(void *context) {
  work_until_stopped((ampc_context *)context);
  return NULL;
}
LOCAL int start_thread(thread_handle *thread, ampc_context *ctx) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return 0;
  const int started = pthread_attr_setstacksize(&attributes, THREAD_STACK) == 0 && pthread_create(thread, &attributes, worker, ctx) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}
LOCAL void join_thread(thread_handle thread) { pthread_join(thread, NULL); }
#endif

/* Runs function(p, 0) to function(p, tasks - 1), in any order, and returns when all are done. */
LOCAL void parallel_for(ampc_context *ctx, task_function *function, void *const *p, int64_t tasks) {
  if (tasks <= 1 || ctx->workers == 0) {
    take_scratch(ctx);
    for (int64_t task = 0; task < tasks; task++) function(p, task);
    return;
  }
  ctx->function = function;
  ctx->pointers = p;
  ctx->tasks = tasks;
  atomic_store_explicit(&ctx->finished, 0, memory_order_relaxed);
  uint64_t number = (atomic_load_explicit(&ctx->left, memory_order_relaxed) >> 32) + 1;
  atomic_store(&ctx->left, number << 32 | (uint64_t)tasks);
  if (atomic_load(&ctx->sleeping) > 0) {
    mutex_lock(&ctx->mutex);
    condition_broadcast(&ctx->wake);
    mutex_unlock(&ctx->mutex);
  }
  while (run_one_task(ctx)) {}
  for (int spins = 0; atomic_load_explicit(&ctx->finished, memory_order_acquire) != tasks; spins++) {
    if (spins < SPINS) pause_thread();
    else yield_thread();
  }
}
`;
