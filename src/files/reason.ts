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
  EEXIST: 'a part of the path is a file or a link, not a folder',
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

const OWN_PATH = 'check who owns it and who may use it (ls -ld), or give a path of your own';
const ROOM = 'make room there, or give a path on another disk';

const FIXES: Readonly<Record<string, string>> = {
  ENOENT: 'check the path',
  EISDIR: 'give the path of a file',
  EACCES: OWN_PATH,
  EPERM: OWN_PATH,
  EROFS: 'give a path on a file system that can be written to',
  ENOSPC: ROOM,
  EDQUOT: ROOM,
  EFBIG: 'allow larger files (ulimit -f), or give a path on another file system',
  ENOTDIR: 'check the path: a file stands where it needs a folder',
  EEXIST: 'check the path: a file stands where it needs a folder',
  ELOOP: 'remove the links that lead to each other',
  ENAMETOOLONG: 'give a shorter name',
  EMFILE: 'allow more open files (ulimit -n)',
  ENFILE: 'end programs that hold many files open',
  EIO: 'check the disk, or use another copy',
  EAGAIN: 'allow more processes (ulimit -u), or end some; then run it again',
  ENOMEM: 'end other programs, or allow more memory; then run it again',
};

/** Such as ENOENT; undefined for an error of another kind. */
export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

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

/** What the user can do about it. */
export function fileFix(error: unknown): string {
  return FIXES[(error as NodeJS.ErrnoException).code ?? ''] ?? 'check the path and the disk that it lies on';
}
