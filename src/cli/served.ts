import { onInterrupt } from './interrupt.js';
import type { Output } from './output.js';

/** Tells where a page is served, and serves it until Ctrl-C; the exit code. */
export async function untilInterrupted(page: { readonly url: string; close(): Promise<void> }, output: Output): Promise<number> {
  const interrupt = onInterrupt(output, 'stopping');
  output.line(page.url);
  await new Promise<void>((resolve) => {
    interrupt.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await page.close();
  interrupt.release();
  return interrupt.exitCode;
}
