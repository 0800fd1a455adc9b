/** Begins what takes longest, the compiler in its worker, before the page's own script is there. */
export const languageWorker = new Worker('language-worker.js', { type: 'module' });
