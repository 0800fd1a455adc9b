/** A page has no threads that share memory. */
export const defaultWorkers = (): number => 0;
