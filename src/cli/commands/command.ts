import type { Command } from 'commander';
import type { Output } from '../output.js';

/** Adds one command to the program. Its action prints through `output` and, unless all went well, sets the exit code. */
export type AddCommand = (program: Command, output: Output, exitWith: (code: number) => void) => void;
