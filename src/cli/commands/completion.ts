import type { Command } from 'commander';
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { type CompletedCommand, completedCommands } from '../completion/model.js';
import { zshCompletion } from '../completion/zsh.js';
import { oneOf } from '../options.js';
import type { AddCommand } from './command.js';

const SCRIPTS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Readonly<Record<string, (commands: readonly CompletedCommand[]) => string>>;

type Shell = keyof typeof SCRIPTS;

const SHELLS = Object.keys(SCRIPTS) as readonly Shell[];

export const addCompletion: AddCommand = (program: Command, output) => {
  program
    .command('completion')
    .description('print a script with which a shell completes commands, options, .amp files and run folders')
    .argument('<shell>', `${SHELLS.join(', ')}; in bash: source <(ampc completion bash)`, oneOf(SHELLS))
    .action((shell: Shell) => output.product(SCRIPTS[shell](completedCommands(program))));
};
