import type { LintFinding, LintInput, LintRule } from './rule.js';

export const stopByTestImages: LintRule = {
  title: 'test images that decide when to stop',
  meaning: 'What chooses the end of a run by the test images makes their scores better than those of new images.',
  check,
};

function check({ recipe }: LintInput): readonly LintFinding[] {
  const { earlyStop } = recipe.train;
  if (earlyStop?.metric.startsWith('test_') !== true) return [];
  const { metric } = earlyStop;
  return [
    {
      message: `\`early_stop\` judges by \`${metric}\``,
      why: 'the test images then choose the epoch that the run ends with: of images that nobody has seen its scores would be worse',
      fix: `keep images for it, \`validation(0.1)\` in \`dataset\`, and judge by \`${metric.replace('test', 'validation')}\``,
      place: { kind: 'setting', section: 'train', name: 'early_stop' },
    },
  ];
}
