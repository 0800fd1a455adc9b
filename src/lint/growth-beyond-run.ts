import { formatNumber, type LintFinding, type LintInput, type LintRule, LOSS_SCALE_SETTING } from './rule.js';

export const growthBeyondRun: LintRule = {
  title: 'loss scale that never grows',
  meaning: 'The run ends before the first growth interval does.',
  check,
};

/** Of a scale that the file writes; the default one is right for most runs however short they are. */
function check({ recipe, scaling, steps }: LintInput): readonly LintFinding[] {
  if (
    recipe.precision.lossScaling === undefined ||
    scaling.kind !== 'dynamic' ||
    steps === undefined ||
    scaling.growth === 1 ||
    scaling.interval <= steps
  )
    return [];
  return [
    {
      message: `the loss scale grows after ${formatNumber(scaling.interval)} steps, the run has ${formatNumber(steps)}`,
      why: 'after an overflow the scale would stay low for the rest of the run, and small gradients would vanish',
      fix: `use an interval of at most ${formatNumber(Math.max(1, Math.floor(steps / 5)))}`,
      place: LOSS_SCALE_SETTING,
    },
  ];
}
