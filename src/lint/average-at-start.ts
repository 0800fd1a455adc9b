import { averageShare } from '../ir/average.js';
import { AVERAGE_SETTING, formatNumber, type LintFinding, type LintInput, type LintRule } from './rule.js';

export const averageAtStart: LintRule = {
  title: 'average that is still its start',
  meaning: 'The run has so few steps that `ema` still holds much of the weights that it began with.',
  check,
};

/** An average at its end is expected to have forgotten all but so much of its start. */
const MOST_LEFT = 0.1;

function check({ recipe, steps }: LintInput): readonly LintFinding[] {
  const { average, epochs } = recipe.train;
  if (average?.kind !== 'ema' || steps === undefined) return [];
  const shares = Array.from({ length: steps }, (_, step) =>
    averageShare(average, step, { stepsPerEpoch: steps / epochs, totalSteps: steps }),
  ).filter((share) => share > 0);
  // The first one is the weights as they are.
  const left = shares.slice(1).reduce((product, share) => product * (1 - share), 1);
  if (shares.length === 0 || left <= MOST_LEFT) return [];
  const entering = 1 - MOST_LEFT ** (1 / Math.max(1, shares.length - 1));
  const fitting = Number((1 - Number(entering.toPrecision(2))).toPrecision(6));
  return [
    {
      message: `the average at the end is still ${formatNumber(100 * left)} % of the weights that it began with`,
      why: `with \`decay: ${average.decay}\` it is taken ${shares.length === 1 ? 'once' : `${formatNumber(shares.length)} times`}`,
      fix: `use a decay of at most ${fitting}, \`warmup: true\`, or more epochs`,
      place: AVERAGE_SETTING,
    },
  ];
}
