/** Functions and one variable that kernels and formulas take by name; their texts stand in the preludes. */
export type HelperName =
  | 'opaque'
  | SumName
  | 'inf'
  | 'is_nan'
  | 'larger'
  | 'is_finite'
  | 'keep'
  | 'round_f16'
  | 'is_positive_or_nan'
  | 'random_word'
  | 'four_rounds';

/** Those for sums whose error does not grow with the number of terms. */
export type SumName = 'add_term' | 'add_pair' | 'sum_of' | 'mean_of' | 'squares_of' | 'norm_of';

/** Says that a text takes a helper. Returns its name. */
export type Take = (name: HelperName) => string;

/** Writes a helper, with those that it takes itself. */
export type HelperText = (take: Take) => string;
