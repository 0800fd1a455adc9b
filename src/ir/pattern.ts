/**
 * Whether `pattern` is all of `text`; `*` stands for any text, all else for itself. Takes at most pattern times text steps: a star that has
 * to take more never makes an earlier one try again.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let taken = 0;
  let i = 0;
  while (i < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      taken = i;
    } else if (at < pattern.length && pattern[at] === text[i]) {
      at += 1;
      i += 1;
    } else if (star >= 0) {
      at = star + 1;
      i = ++taken;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** Whether a layer pattern means `layer`: the layer itself, or all layers of a block. */
export function matchesLayer(pattern: string, layer: string): boolean {
  return matchesGlob(pattern, layer) || matchesGlob(`${pattern}.*`, layer);
}
