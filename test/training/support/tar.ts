export interface TarEntry {
  readonly name: string;
  readonly body?: Uint8Array;
  /** What the header says, where that is not what there is. */
  readonly size?: number;
  /** 0: a file, 1: a hard link, 2: a symbolic link, 5: a folder. */
  readonly type?: '0' | '1' | '2' | '5';
  readonly link?: string;
}

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

/** The blocks of a tar archive (POSIX.1-1988, ustar) that says whatever it is told to say; without its end. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, body = new Uint8Array(), size = body.length, type = '0', link = '' }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${octal(0o777, 7)}${octal(0, 7)}${octal(0, 7)}${octal(size, 11)}${octal(0, 11)}`, 100);
    header.write(' '.repeat(8), 148);
    header.write(`${type}${link}`, 156);
    header.write('ustar\x0000', 257);
    header.write(
      `${octal(
        header.reduce((sum, byte) => sum + byte, 0),
        6,
      )} `,
      148,
    );
    return [header, body, new Uint8Array((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat(blocks);
}

export const TAR_END = Buffer.alloc(1024);
