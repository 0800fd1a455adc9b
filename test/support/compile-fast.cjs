// What a plan computes is tested as it is compiled for users in test/codegen, which passes flags of its own for the instructions of this
// processor. Elsewhere what commands and runs do is tested, and -O1 takes half of the compiler's time.
if (process.env.AMPC_TEST_LONG !== '1') {
  process.env.AMPC_CFLAGS ??= '-O1';
  // Each of several compilers reads the same headers.
  process.env.AMPC_CC_JOBS ??= '1';
  // Mesa's driver for processors compiles shaders by LLVM, whose optimizations take longer than they save.
  process.env.GALLIVM_PERF ??= 'nopt';
}
