import { probeBackends } from '../../index.js';
import { options } from '../options.js';
import type { AddCommand } from './command.js';

export const addBackends: AddCommand = (program, output) => {
  program
    .command('backends')
    .description('what can run a plan on this machine, and what is missing for the rest')
    .addOption(options.json())
    .action(async () => {
      for (const info of await probeBackends()) {
        output.event(info);
        if (output.json) continue;
        const mark = info.available ? output.style('green', 'ready  ') : output.style('yellow', 'missing');
        output.line(`${output.style('bold', info.name.padEnd(11))} ${mark} ${info.available ? (info.device ?? '') : (info.reason ?? '')}`);
        output.line(`            ${output.style('dim', info.summary)}`);
        if (info.fix !== undefined) output.line(`            what to do: ${info.fix}`);
        output.line(`            formats: ${['f32', ...info.target.low].join(', ')}`);
        for (const [key, value] of Object.entries(info.details ?? {})) output.line(`            ${key}: ${value}`);
      }
    });
};
