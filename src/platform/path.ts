/** Names of files: in Node as its system has them, in a browser (path.browser.ts) with slashes. */
export { basename, dirname, extname, isAbsolute, join, normalize, posix, relative, resolve, sep } from 'node:path';
