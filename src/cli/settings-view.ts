import type { EffectivePrecision, EffectiveSetting, PlanReport } from '../index.js';
import type { Output } from './output.js';

type Origin = EffectiveSetting<string>['origin'] | EffectivePrecision['pins'][number]['origin'];

const ORIGINS: { readonly [Kind in Origin['kind']]: (origin: Extract<Origin, { readonly kind: Kind }>) => string } = {
  default: () => 'default',
  file: ({ line }) => `line ${line}`,
  option: ({ option }) => option,
  fastest: ({ text }) => `fastest: ${text}`,
  stored: ({ costs }) => `chosen when the run began, by costs of ${costs}`,
  calibration: ({ text }) => `calibration: ${text}`,
  replan: ({ text }) => `replan: ${text}`,
};

function originText(origin: Origin): string {
  return (ORIGINS[origin.kind] as (of: Origin) => string)(origin);
}

const SHOWN_PINS = 6;

/** What each setting of precision is, and who set it. */
export function printSettings({ effectivePrecision }: PlanReport, output: Output): void {
  const { compute, policy, rules, lossScaling, masters, optimizerState, pins } = effectivePrecision;
  const setting = (name: string, { value, origin }: EffectiveSetting<string>) => `${name} ${value} (${originText(origin)})`;
  const settings = [
    setting('compute', compute),
    setting('policy', policy),
    ...(rules.value === policy.value ? [] : [setting('rules of', rules)]),
    setting('loss scale', lossScaling),
    ...(masters === undefined ? [] : [setting('masters', masters)]),
    ...(optimizerState === undefined ? [] : [setting('optimizer state', optimizerState)]),
  ];
  output.line(output.style('dim', `precision: ${settings.join(', ')}`));
  for (const { pattern, format, origin, idle } of pins.slice(0, SHOWN_PINS))
    output.line(output.style('dim', `keep ${pattern} in ${format} (${originText(origin)}${idle ? '; changes nothing' : ''})`));
  if (pins.length > SHOWN_PINS) output.line(output.style('dim', `and ${pins.length - SHOWN_PINS} more pins: --json lists them`));
}
