import { servePlayground } from '../../index.js';
import { onInterrupt } from '../interrupt.js';
import { integer } from '../options.js';
import type { AddCommand } from './command.js';

export const addUi: AddCommand = (program, output, exitWith) => {
  program
    .command('ui')
    .description('serve a page on this machine that edits, plans and trains in the browser, on its GPU')
    .argument('[file|run]', 'a .amp file, or the folder of a run, to begin with')
    .option('--port <n>', 'the port (default: one that is free)', integer(1, 65535))
    .action(async (target: string | undefined, { port }: { readonly port?: number }) => {
      const interrupt = onInterrupt(output, 'stopping');
      const { url, close } = await servePlayground(target, { port });
      output.line(url);
      await new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve(), { once: true }));
      await close();
      interrupt.release();
      exitWith(interrupt.exitCode);
    });
};
