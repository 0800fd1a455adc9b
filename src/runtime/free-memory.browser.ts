/** A browser does not tell. */
export const freeMemory = (): undefined => undefined;
