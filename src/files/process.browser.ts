/** Another tab: whether it is still open nobody says. Web locks tell of those that are (run-lock.browser.ts). */
export const isProcessAlive = (_: number): boolean => false;

export const processStart = (_: number): string | undefined => undefined;
