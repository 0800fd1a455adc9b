/** No launcher starts a page as one of several ranks. */
export const joinRanks = async (): Promise<undefined> => undefined;
