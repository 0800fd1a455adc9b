export const homeFolder = (): string | undefined => undefined;

/** In the storage of the page. */
export const userCacheFolder = (): string | undefined => '/cache/ampc';
