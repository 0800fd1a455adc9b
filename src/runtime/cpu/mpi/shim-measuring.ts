/** What `ampc tune --network` times: rounds as exchanges have them, so with the same way of waiting. */
export const MEASURING = String.raw`
/*
 * Seconds of a round in which each rank has a message of so many bytes for each of the others, or of the next ones, and takes as many:
 * the median over some turns of a few rounds each, which begin together.
 */
EXPORT double ampc_mpi_measure(int64_t bytes, int32_t others, int32_t rounds, int32_t turns) {
  char **from = room((size_t)size * sizeof(char *)), **to = room((size_t)size * sizeof(char *));
  int64_t *out = calloc((size_t)size, sizeof(int64_t)), *in = calloc((size_t)size, sizeof(int64_t));
  char *const sent = calloc((size_t)bytes, 1), *const taken = room((size_t)(bytes * size));
  double *const times = room((size_t)turns * sizeof(double));
  if (out == NULL || in == NULL || sent == NULL) return -1;
  for (int r = 0; r < size; r++) {
    from[r] = sent;
    to[r] = taken + r * bytes;
  }
  for (int32_t turn = -1; turn < turns; turn++) {
    for (int step = 1; step < size; step++) out[(rank + step) % size] = in[(rank + size - step) % size] = 1;
    swap(of_host, OF_HOST, from, out, to, in);
    for (int step = 1; step < size; step++)
      out[(rank + step) % size] = in[(rank + size - step) % size] = step <= others ? bytes : 0;
    const double since = now();
    for (int32_t round = 0; round < rounds; round++) swap(of_host, OF_HOST, from, out, to, in);
    /* The first turn finds out the ways. */
    if (turn < 0) continue;
    const double seconds = (now() - since) / rounds;
    int32_t at = turn;
    for (; at > 0 && times[at - 1] > seconds; at--) times[at] = times[at - 1];
    times[at] = seconds;
  }
  const double median = times[turns / 2];
  free(from), free(to), free(out), free(in), free(sent), free(taken), free(times);
  return median;
}
`;
