import { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve } from 'pathe';

export { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve };
export const posix = { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve };
export const sep = '/';
