/** The exported functions. The emitter defines STATES_BYTES, ARENA_BYTES and `call_function` before them. */
export const EXPORTS = String.raw`
#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

EXPORT void ampc_destroy(ampc_context *ctx) {
  if (ctx == NULL) return;
  mutex_lock(&ctx->mutex);
  atomic_store(&ctx->stop, 1);
  condition_broadcast(&ctx->wake);
  mutex_unlock(&ctx->mutex);
  for (int i = 0; i < ctx->workers; i++) join_thread(ctx->threads[i]);
  condition_destroy(&ctx->wake);
  mutex_destroy(&ctx->mutex);
  free(ctx->threads);
  if (!ctx->borrows_states) free_block(ctx->states, STATES_BYTES);
  if (!ctx->borrows_arena) free_block(ctx->arena, ARENA_BYTES);
  free_block(ctx->own_scratch, ctx->own_whole);
  free_block(ctx, sizeof(ampc_context));
}

/*
 * A context with zeroed states that runs on the given number of threads, the caller's included, each with so many bytes of scratch; or,
 * beside another one of the same plan, which must outlive it, with its states, and with its arena where that is large enough. NULL when
 * memory is short.
 */
EXPORT ampc_context *ampc_create(int threads, int64_t scratch, const ampc_context *beside) {
  ampc_context *ctx = allocate_block(sizeof(ampc_context));
  if (ctx == NULL) return NULL;
  mutex_init(&ctx->mutex);
  condition_init(&ctx->wake);
  ctx->borrows_states = beside != NULL;
  ctx->borrows_arena = beside != NULL && beside->arena_bytes >= ARENA_BYTES;
  ctx->states = ctx->borrows_states ? beside->states : allocate_block(STATES_BYTES);
  ctx->arena = ctx->borrows_arena ? beside->arena : allocate_block(ARENA_BYTES);
  ctx->arena_bytes = ARENA_BYTES;
  ctx->own_bytes = scratch;
  ctx->own_whole = (size_t)scratch * (size_t)(threads > 1 ? threads : 1);
  ctx->own_scratch = allocate_block(ctx->own_whole);
  ctx->threads = calloc((size_t)(threads > 1 ? threads : 1), sizeof(thread_handle));
  if (ctx->states == NULL || ctx->arena == NULL || ctx->own_scratch == NULL || ctx->threads == NULL) {
    ampc_destroy(ctx);
    return NULL;
  }
  while (ctx->workers < threads - 1 && start_thread(&ctx->threads[ctx->workers], ctx)) ctx->workers++;
  return ctx;
}

/*
 * Runs one function: inputs is one block in the function's input layout, outputs takes its scalar outputs. With bit 0 of trace, returns one
 * more than the number of the first node in plan order whose stored value is not finite; otherwise 0. With bit 1, times its kernels.
 */
EXPORT int ampc_call(ampc_context *ctx, int function, const void *inputs, double *outputs, int trace) {
  thread_number = 0;
  return call_function(ctx, function, (char *)inputs, outputs, trace);
}

/* Lets calls exchange with other ranks from now on. */
EXPORT void ampc_join(ampc_context *ctx, const exchange_functions *peers) { ctx->peers = peers; }

/* Copies bytes out of or into the states. */
EXPORT void ampc_read(ampc_context *ctx, int64_t offset, void *destination, int64_t bytes) {
  memcpy(destination, ctx->states + offset, (size_t)bytes);
}
EXPORT void ampc_write(ampc_context *ctx, int64_t offset, const void *source, int64_t bytes) {
  memcpy(ctx->states + offset, source, (size_t)bytes);
}

/* Copies bytes out of the arena: a tensor output of the last call. */
EXPORT void ampc_read_value(ampc_context *ctx, int64_t offset, void *destination, int64_t bytes) {
  memcpy(destination, ctx->arena + offset, (size_t)bytes);
}

/* Seconds of the first count kernels of the last call that was timed. */
EXPORT void ampc_times(ampc_context *ctx, double *seconds, int count) { memcpy(seconds, ctx->seconds, sizeof(double) * (size_t)count); }
`;
