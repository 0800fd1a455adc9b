import { Transform, type TransformCallback } from 'node:stream';
import { ErrorCodes } from 'vscode-languageserver';
import { Frames } from './frames.js';

/** Why a message is not answered, with the code of the protocol; `id` where it is a request. */
export interface Refusal {
  readonly id: string | number | null;
  readonly code: number;
  readonly message: string;
}

/** What of a message tells whether it may come now. */
interface Envelope {
  readonly id?: string | number;
  readonly method?: string;
}

/**
 * Lets through what the protocol allows at this moment, as it came: first `initialize`, once, and behind `shutdown` nothing but `exit`. A
 * request that may not come is refused, a notification left out, and so is what is no message.
 */
export class Gate extends Transform {
  private readonly frames = new Frames();
  private state: 'new' | 'initialized' | 'shut down' = 'new';

  constructor(private readonly refuse: (refusal: Refusal) => void) {
    super();
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (const frame of this.frames.take(bytes)) {
      if (frame === 'lost') this.refuse({ id: null, code: ErrorCodes.ParseError, message: 'a header has no Content-Length' });
      else this.letThrough(frame);
    }
    done();
  }

  /** An editor that closes the stream, as one does that dies, is done. */
  override _flush(done: TransformCallback): void {
    this.pass(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'exit' })));
    done();
  }

  private letThrough(body: Buffer): void {
    const message = this.envelope(body);
    if (message !== undefined && this.isNow(message)) this.pass(body);
  }

  private pass(body: Buffer): void {
    this.push(`Content-Length: ${body.length}\r\n\r\n`);
    this.push(body);
  }

  private envelope(body: Buffer): Envelope | undefined {
    let value: unknown;
    try {
      value = JSON.parse(body.toString('utf8'));
    } catch (error) {
      this.refuse({ id: null, code: ErrorCodes.ParseError, message: `a message is no JSON: ${(error as Error).message}` });
      return undefined;
    }
    if (typeof value === 'object' && value !== null && ('method' in value || 'id' in value)) return value as Envelope;
    this.refuse({ id: null, code: ErrorCodes.InvalidRequest, message: 'a message has neither a method nor an id' });
    return undefined;
  }

  private isNow({ id, method }: Envelope): boolean {
    // Without a method it is an answer to what the server asked.
    if (method === undefined || method === 'exit') return true;
    const refusal = this.refusalOf(method);
    if (refusal !== undefined && id !== undefined) this.refuse({ id, ...refusal });
    if (refusal !== undefined) return false;
    if (method === 'initialize') this.state = 'initialized';
    if (method === 'shutdown') this.state = 'shut down';
    return true;
  }

  private refusalOf(method: string): Omit<Refusal, 'id'> | undefined {
    switch (this.state) {
      case 'new':
        if (method === 'initialize') return undefined;
        return { code: ErrorCodes.ServerNotInitialized, message: `\`${method}\` comes before \`initialize\`` };
      case 'initialized':
        if (method !== 'initialize') return undefined;
        return { code: ErrorCodes.InvalidRequest, message: '`initialize` comes twice' };
      case 'shut down':
        return { code: ErrorCodes.InvalidRequest, message: `\`${method}\` comes after \`shutdown\`` };
    }
  }
}
