import { shellWord } from '../../diagnostics/shell-word.js';
import { initProject } from '../../index.js';
import type { AddCommand } from './command.js';

export const addInit: AddCommand = (program, output) => {
  program
    .command('init')
    .description('write a project: a network, a spec of its plan, package.json, and a workflow that checks them')
    .argument('[dir]', 'folder of the project (default: this one)')
    .action(async (asked: string | undefined) => {
      const { dir, files, model } = await initProject(asked);
      for (const file of files) output.line(`wrote ${asked === undefined ? file : `${dir}/${file}`}`);
      const enter = asked === undefined ? '' : `cd ${shellWord(dir)} && `;
      output.line(`next: ${enter}npm install && npx ampc train ${model}`);
    });
};
