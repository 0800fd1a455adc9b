/**
 * What a reader cannot see, or sees as something else: control characters, formats such as the zero width space and marks that turn the
 * direction of writing, separators other than the plain space, and halves of surrogate pairs.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?! )\p{Zs}/gu;

/** Whether a character looks like itself on a terminal. */
export function isVisible(character: string): boolean {
  return character.search(INVISIBLE) === -1;
}

/** The text with invisible characters as their code points, such as U+200B. `shown` puts a code point into the text around it. */
export function showCharacters(text: string, shown: (codePoint: string) => string = (codePoint) => codePoint): string {
  return text.replace(INVISIBLE, (character) => shown(`U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`));
}
