import { type AverageSpec, averagesTaken } from '../ir/average.js';
import { assertNever } from '../ir/types.js';
import { AVERAGE_SETTING, formatNumber, type LintFinding, type LintInput, type LintRule } from './rule.js';

export const averageNever: LintRule = {
  title: 'average of the weights that is never taken',
  meaning: 'The run ends before the first average is due, or `swa` takes a single one, which is no mean.',
  check,
};

function counted(count: number, what: string): string {
  return `${formatNumber(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** When the first one is due, and what would change that. */
function firstOf(spec: AverageSpec): { readonly when: string; readonly fix: string } {
  switch (spec.kind) {
    case 'ema': {
      const when = `${counted(spec.every, 'step')}${spec.from === 0 ? '' : ` behind epoch ${formatNumber(spec.from)}`}`;
      return { when, fix: 'take averages more often, or earlier: `every`, `from`' };
    }
    case 'swa':
      return { when: `${counted(spec.every, 'epoch')} behind epoch ${formatNumber(spec.from)}`, fix: 'lower `from` or `every`' };
    case 'lookahead':
      return { when: counted(spec.every, 'step'), fix: 'lower `every`' };
    default:
      return assertNever(spec);
  }
}

function check({ recipe, steps }: LintInput): readonly LintFinding[] {
  const { average, epochs } = recipe.train;
  if (average === undefined || steps === undefined) return [];
  const taken = averagesTaken(average, { stepsPerEpoch: steps / epochs, totalSteps: steps });
  if (taken > 1 || (taken === 1 && average.kind !== 'swa')) return [];
  const { when, fix } = firstOf(average);
  const place = AVERAGE_SETTING;
  const length = `the run has ${counted(steps, 'step')} in ${counted(epochs, 'epoch')}`;
  if (taken === 0)
    return [
      {
        message: `no average of the weights is ever taken: the first is due after ${when}, and ${length}`,
        why: 'evaluation uses the weights themselves until there is one',
        fix,
        place,
      },
    ];
  return [
    {
      message: `\`swa\` takes one average alone: ${length}`,
      why: 'the mean of one is the weights of that step, and nothing is averaged',
      fix,
      place,
    },
  ];
}
