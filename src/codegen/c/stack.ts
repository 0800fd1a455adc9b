/** Bytes of stack of every thread that runs kernels; some systems give threads no more than 128 or 512 KiB. */
export const THREAD_STACK = 1 << 20;

/**
 * The most that the frame of any function in a generated file may take: the compiler refuses a file with a larger one. At most two such
 * frames are on a stack at once (the tasks of a kernel and one of its loops), so even 128 KiB are enough.
 */
export const LARGEST_FRAME = 32 << 10;

/** The stack below which nothing runs: two of the largest frames, and as much again for what calls them. */
export const LEAST_STACK = 4 * LARGEST_FRAME;

/** The most that one loop keeps on its stack in tables of channels; wider ones are in the thread's scratch. */
export const TABLES_ON_STACK = 16 << 10;
