import { createInterface } from 'node:readline';
import { UserError } from '../src/diagnostics/diagnostic.js';
import { renderDiagnostics } from '../src/diagnostics/render.js';

function describe(error: unknown): string {
  if (error instanceof UserError) return renderDiagnostics(error.diagnostics, error.source);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** One side of a benchmark: each line of stdin is a message as JSON, and answered by a line: the reply, or `error`. */
export async function answerLines<Message>(answer: (message: Message) => Promise<object>): Promise<void> {
  for await (const line of createInterface(process.stdin)) {
    try {
      console.log(JSON.stringify(await answer(JSON.parse(line) as Message)));
    } catch (error) {
      console.log(JSON.stringify({ error: describe(error) }));
    }
  }
}
