// What a plan computes is tested as it is compiled for users in test/codegen, which passes flags of its own. Elsewhere what commands and runs
// do is tested, and -O1 takes half of the compiler's time.
if (process.env.AMPC_TEST_LONG !== '1') process.env.AMPC_CFLAGS ??= '-O1';
