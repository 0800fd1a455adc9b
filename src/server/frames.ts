/** Longer than any header is. */
const MAX_HEADER = 8192;
const HEADER_END = '\r\n\r\n';
/** Also where no line begins: what is left of a message whose length is unknown stands before the next header. */
const LENGTH = /(.|\r\n|^)content-length:[ \t]*(\d+)[ \t]*\r\n/i;

/** A message's bytes, or that some were passed over which belong to no message. */
export type Frame = Buffer | 'lost';

/**
 * Takes a stream of bytes apart into messages: headers, one of which says how many bytes follow. Finds the next message behind bytes that
 * are none.
 */
export class Frames {
  private chunks: Buffer[] = [];
  private size = 0;
  /** Of the message whose header was read. */
  private length: number | undefined;
  private isLost = false;

  /** The messages that are whole with these bytes. */
  take(bytes: Buffer): readonly Frame[] {
    this.chunks.push(bytes);
    this.size += bytes.length;
    const found: Frame[] = [];
    for (let frame = this.next(); frame !== undefined; frame = this.next()) found.push(frame);
    return found;
  }

  private next(): Frame | undefined {
    while (this.length === undefined) {
      const end = this.all().indexOf(HEADER_END);
      if (end === -1 && this.size <= MAX_HEADER) return undefined;
      const header = end === -1 ? this.cut(this.size - MAX_HEADER / 2) : this.cut(end + HEADER_END.length);
      const [, before, length] = (end === -1 ? null : LENGTH.exec(header.toString('latin1'))) ?? [];
      if (length !== undefined) this.length = Number(length);
      // Said once, however much it is.
      if (before === '' || before === '\r\n' || this.isLost) continue;
      this.isLost = true;
      return 'lost';
    }
    if (this.size < this.length) return undefined;
    const body = this.cut(this.length);
    this.length = undefined;
    this.isLost = false;
    return body;
  }

  private all(): Buffer {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0] ?? Buffer.alloc(0);
  }

  /** Takes bytes from the front. */
  private cut(length: number): Buffer {
    const bytes = this.all();
    this.chunks = [bytes.subarray(length)];
    this.size = bytes.length - length;
    return bytes.subarray(0, length);
  }
}
