import { dirname } from '../platform/path.js';

/** What comes through a pipe, as `/dev/stdin` and `<(…)` name it. */
const STREAM = /^\/(?:dev|proc\/(?:self|\d+)\/fd)\//;

/** The folder that paths in a text are taken from: that of its file, and of a text that has none the working folder. */
export function textFolder(path: string): string {
  return STREAM.test(path) ? '.' : dirname(path);
}
