import { LEAST } from '../code.js';

/**
 * How a function runs: a table of calls, each of which launches the kernel of a group with its part of the context's pointers. The tables
 * are constants of the file, so the frame of a step is small however deep the network is.
 */
export const CALLS = String.raw`
/* Where a buffer is: its block in the three lowest bits, its offset in bytes above them. */
#define IN_STATES(offset) ((int64_t)(offset) * 8)
#define IN_ARENA(offset) ((int64_t)(offset) * 8 + 1)
#define IN_INPUTS(offset) ((int64_t)(offset) * 8 + 2)
#define IN_CONSTANTS(offset) ((int64_t)(offset) * 8 + 3)
#define IN_NUMBERS(start) ((int64_t)(start) * 8 * (int64_t)sizeof(int) + 4)

/* Fills the context's buffers, when they are not those of these inputs yet. */
LOCAL void place_buffers(ampc_context *ctx, const int64_t *places, char *inputs, char *constants, char *numbers) {
  if (ctx->placed && ctx->inputs == inputs) return;
  char *const blocks[] = {ctx->states, ctx->arena, inputs, constants, numbers};
  for (int64_t i = 0; i < PLACES; i++) ctx->buffers[i] = blocks[places[i] & 7] + (places[i] >> 3);
  ctx->inputs = inputs;
  ctx->placed = 1;
}

typedef void kernel_launch(ampc_context *ctx, void *const *p);

typedef struct {
  /* NULL where nothing is to be computed. */
  kernel_launch *launch;
  /* Its first pointer, and how many of its values a trace looks at. */
  int32_t pointers, traced;
  /* Scratch of each thread, and where in the arena there is room for it. */
  int64_t scratch, borrowed;
  /* So many buckets of the call must have come in. */
  int64_t awaits;
} kernel_call;

typedef struct {
  trace_function *find;
  int32_t pointer, node;
  int64_t count;
} traced_value;

/* Runs the kernels of a function in order; trace and the result are those of ampc_call. */
LOCAL int run_calls(ampc_context *ctx, const kernel_call *calls, int count, const traced_value *value, int trace) {
  int first = INT32_MAX;
  ctx->begun = 0;
  if (trace & 2) mark_time(ctx, -1);
  for (int i = 0; i < count; i++) {
    const kernel_call *const call = calls + i;
    if (call->scratch > 0) use_scratch(ctx, call->scratch, ctx->arena + call->borrowed);
    if (call->awaits > 0) exchange_finish(ctx, call->awaits);
    if (call->launch != NULL) call->launch(ctx, ctx->buffers + call->pointers);
    if (trace) exchange_finish(ctx, INT64_MAX);
    if (trace & 1)
      for (int32_t n = 0; n < call->traced; n++, value++)
        first = value->find(ctx->buffers[value->pointer], value->count, value->node, first);
    if (trace & 2) mark_time(ctx, i);
  }
  exchange_finish(ctx, INT64_MAX);
  return first == INT32_MAX ? 0 : first + 1;
}

/* A number of a kernel that shares its code with others. None is smaller than ${LEAST}, so loops to it are never empty. */
INLINE int number_at(const int *numbers, int place) {
  if (numbers[place] < ${LEAST}) __builtin_unreachable();
  return numbers[place];
}

typedef void loop_function(void *const *p, int64_t task, int64_t begin, int64_t end);

/* A loop of a kernel with many: its first pointer, the range that its tasks cut into parts, and the length of one. */
typedef struct {
  loop_function *run;
  int64_t pointers, range, part;
} kernel_loop;

/* Loops that share tasks: where they start among the kernel's tasks and loops. Several loops share one task when each is of one part. */
typedef struct {
  int64_t task, loop;
} loop_bunch;

/* Runs one task of many loops. Behind the last bunch stands one more, where they end. */
LOCAL void run_loops(const kernel_loop *loops, const loop_bunch *bunches, int64_t count, void *const *p, int64_t task) {
  int64_t low = 0, high = count - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (bunches[middle].task <= task) low = middle;
    else high = middle - 1;
  }
  const int64_t part = task - bunches[low].task;
  for (int64_t i = bunches[low].loop; i < bunches[low + 1].loop; i++) {
    const kernel_loop *const loop = loops + i;
    loop->run(p + loop->pointers, part, part * loop->part, min64((part + 1) * loop->part, loop->range));
  }
}
`;
