import { serveEditor } from '../../index.js';
import type { AddCommand } from './command.js';

export const addLsp: AddCommand = (program) => {
  program
    .command('lsp')
    .description(
      'serve an editor: diagnostics, completion, hovers, formats and casts beside the lines; set-up and settings: docs/editors.md',
    )
    .option('--stdio', 'the Language Server Protocol over standard input and output: what it does without it as well', true)
    .action(async () => {
      await serveEditor(process.stdin, process.stdout);
      // The editor ends it, or the end of standard input.
      await new Promise(() => {});
    });
};
