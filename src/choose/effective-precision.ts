import type { PinOrigin } from '../ir/pin.js';
import type { LossScaling, PolicyName, RulePolicy } from '../ir/program.js';
import { precisionName } from '../ir/types.js';
import { precisionOrigins, type WrittenOrigin } from '../lower/origins.js';
import type { PrecisionName } from '../numeric/formats.js';
import { rulePolicy } from '../precision/policy.js';
import { resolveScaling } from '../precision/scaling.js';
import type { Compiled } from './plan-file.js';

/**
 * Who set a setting: nobody, the file, an option, policy `fastest` just now and why, or what it chose when the run began, by which costs.
 */
export type SettingOrigin =
  | WrittenOrigin
  | { readonly kind: 'fastest'; readonly text: string }
  | { readonly kind: 'stored'; readonly costs: string };

export interface EffectiveSetting<Value> {
  readonly value: Value;
  readonly origin: SettingOrigin;
}

export interface EffectivePin {
  readonly pattern: string;
  readonly format: PrecisionName;
  readonly origin: PinOrigin;
  /** It changes nothing; known of the file's own, where a plan is explained. */
  readonly idle?: true;
}

/** What each setting of precision is, and who set it. */
export interface EffectivePrecision {
  readonly compute: EffectiveSetting<PrecisionName>;
  readonly policy: EffectiveSetting<PolicyName>;
  /** The rules that decide where no pin does: those of the policy, and under `fastest` those that it chose. */
  readonly rules: EffectiveSetting<RulePolicy>;
  readonly lossScaling: EffectiveSetting<LossScaling['kind']>;
  /** Where weights live in a low format between steps. */
  readonly masters?: EffectiveSetting<PrecisionName>;
  /** Where the optimizer keeps what it knows in a low format. */
  readonly optimizerState?: EffectiveSetting<PrecisionName>;
  /** The last one that matches decides. */
  readonly pins: readonly EffectivePin[];
}

function choiceOrigin({ choice, formats }: Compiled): SettingOrigin {
  if (choice !== undefined) return { kind: 'fastest', text: `the fastest of ${choice.candidates.map(({ name }) => name).join(', ')}` };
  return { kind: 'stored', costs: formats?.fastest?.costs ?? '' };
}

/** Where the settings of a compiled program come from. */
export function effectivePrecision(compiled: Compiled): EffectivePrecision {
  const { source, settings, program } = compiled;
  const spec = program.recipe.precision;
  const names = ['compute', 'policy', 'loss_scale', 'masters', 'optimizer_state'] as const;
  const { compute, policy, loss_scale, masters, optimizer_state } = precisionOrigins(source.text, settings, names);
  const chosen = spec.chosen && choiceOrigin(compiled);
  // A choice that has a reason of its own is another format than the file's, and scales as that format does.
  const changed = spec.chosen?.reason === undefined ? undefined : chosen;
  return {
    compute: { value: precisionName(spec.compute), origin: changed ?? compute },
    policy: { value: spec.policy, origin: policy },
    rules: { value: rulePolicy(spec), origin: chosen ?? policy },
    lossScaling: { value: resolveScaling(spec).kind, origin: changed === undefined ? loss_scale : { kind: 'default' } },
    ...(spec.masters && { masters: { value: precisionName(spec.masters), origin: masters } }),
    ...(spec.optimizerState && { optimizerState: { value: precisionName(spec.optimizerState), origin: optimizer_state } }),
    pins: spec.pins.map(({ pattern, dtype, origin }) => ({ pattern, format: precisionName(dtype), origin })),
  };
}
