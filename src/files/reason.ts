const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the system allows no file of that size',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'a part of the path is a file',
  ENOTEMPTY: 'the folder is not empty',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is longer than the system allows',
  EMFILE: 'too many files are open in this process',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk or the network that it lies on reports an error',
  EINVAL: 'the file system does not support it',
  ENXIO: 'no device answers there',
  ENODEV: 'no device answers there',
  EBUSY: 'another program uses it',
  ETXTBSY: 'it is a program that is running',
  ESTALE: 'the network file system has lost it',
  EXDEV: 'it lies on another file system',
  EPIPE: 'whoever read it has gone',
  EAGAIN: 'the system has no process to spare',
  ENOMEM: 'memory is short',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than can be read at once',
  ERR_INVALID_ARG_VALUE: 'the path holds a null byte',
};

/** Errors of the operating system (a full disk, a missing permission) carry a code; they are not bugs of ampc. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return error instanceof Error && typeof code === 'string' && (/^E[A-Z0-9]+$/.test(code) || code in REASONS);
}

/** Why the system refused to read or write, for people. */
export function fileReason(error: unknown): string {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && syscall === 'mkdir') return 'no folder can be made there';
  return REASONS[code ?? ''] ?? message;
}
