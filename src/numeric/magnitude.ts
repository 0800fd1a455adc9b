/** A size for a person: `65,504`, `1.20e+7`. By hand: the first use of Intl takes 30 ms. */
export function formatMagnitude(value: number): string {
  return value >= 1e6 ? value.toExponential(2) : String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}
