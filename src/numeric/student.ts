/**
 * The probability that a value of Student's t with so many degrees of freedom, a whole number, lies between -t and t, where
 * `angle` = atan(t / sqrt(degrees)). Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4: a finite sum.
 */
function within(angle: number, degrees: number): number {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let power = isOdd ? 3 : 2; power <= degrees - 2; power += 2) {
    term *= ((power - 1) / power) * cosine ** 2;
    sum += term;
  }
  return isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}

/** The t that a value of Student's t exceeds in size with probability 1 - `confidence`. `degrees` of freedom: a whole number from 1. */
export function studentQuantile(confidence: number, degrees: number): number {
  let [low, high] = [0, Math.PI / 2];
  // Each halves the distance: until no number lies between both.
  for (let step = 0; step < 64; step += 1) {
    const middle = (low + high) / 2;
    if (within(middle, degrees) < confidence) low = middle;
    else high = middle;
  }
  return Math.sqrt(degrees) * Math.tan((low + high) / 2);
}
