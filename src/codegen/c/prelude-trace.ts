/** What traced calls do after each kernel. */
export const TRACE = String.raw`
LOCAL double seconds_now(void) {
  struct timespec now;
#ifdef _WIN32
  timespec_get(&now, TIME_UTC);
#else
  clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

__attribute__((noinline, cold)) LOCAL void mark_time(ampc_context *ctx, int group) {
  double now = seconds_now();
  if (group >= 0) ctx->seconds[group] = now - ctx->last_mark;
  ctx->last_mark = now;
}

/* The smaller of first and node, if any of the count values is an infinity or a NaN; else first. */
typedef int trace_function(const void *values, int64_t count, int node, int first);
#define TRACE_FORMAT(format, type) \
  __attribute__((noinline, cold)) LOCAL int trace_##format(const void *values, int64_t count, int node, int first) { \
    const type *const p = values; \
    if (node >= first) return first; \
    for (int64_t i = 0; i < count; i += LANES) { \
      const vf v = load_##format##_part(p + i, min64(LANES, count - i)); \
      if (!vi_all(vf_is_finite(v))) return node; \
    } \
    return first; \
  }
TRACE_FORMAT(f32, float)
TRACE_FORMAT(f16, uint16_t)
TRACE_FORMAT(bf16, uint16_t)
`;
