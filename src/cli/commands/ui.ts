import { servePlayground } from '../../index.js';
import { options } from '../options.js';
import { untilInterrupted } from '../served.js';
import type { AddCommand } from './command.js';

export const addUi: AddCommand = (program, output, exitWith) => {
  program
    .command('ui')
    .description('serve a page on this machine that edits, plans and trains in the browser, on its GPU')
    .argument('[file|run]', 'a .amp file, or the folder of a run, to begin with')
    .addOption(options.port())
    .action(async (target: string | undefined, { port }: { readonly port?: number }) => {
      exitWith(await untilInterrupted(await servePlayground(target, { port }), output));
    });
};
