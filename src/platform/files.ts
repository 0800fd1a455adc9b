/**
 * Where files are: in Node the file system. In a browser (files.browser.ts) they are in memory, and kept by the browser where a page asks
 * for that.
 */
export type { Dirent, Stats } from 'node:fs';
export { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
export {
  access,
  chmod,
  constants,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
