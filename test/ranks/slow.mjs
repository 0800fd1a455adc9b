// Preloaded into ranks: AMPC_TEST_SLOW says which of them sleeps most of the time.
if (process.env.OMPI_COMM_WORLD_RANK === process.env.AMPC_TEST_SLOW || process.env.PMI_RANK === process.env.AMPC_TEST_SLOW)
  setInterval(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3), 1).unref();
