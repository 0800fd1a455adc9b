/** What a `group` line may name in the place of a pattern. */
export const PARAMETER_KINDS = {
  weights: 'matrices and windows of convolutions and linear layers',
  biases: 'what convolutions and linear layers add',
  norm_scales: 'factors of normalisations',
  norm_shifts: 'what normalisations add',
  params: 'all else: values of `param`, and slopes of `prelu`',
} as const;

export type ParameterKind = keyof typeof PARAMETER_KINDS;

export function isParameterKind(text: string): text is ParameterKind {
  return Object.hasOwn(PARAMETER_KINDS, text);
}
