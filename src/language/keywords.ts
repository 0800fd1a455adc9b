/** What the words say that are no names and begin no section. */
export const KEYWORDS = {
  let: 'gives a value to a name',
  if: 'one value, or stages, or another: `if wide { 2 } else { 1 }`; stages without `else` otherwise pass the value on',
  else: 'what counts where no condition before holds',
  repeat: 'stages, several times: `repeat 3 { … }`, `repeat stride in [2, 1] { … }`',
  collect: 'a list of values: `collect i in 0..4 { x |> Path(i) }`',
  share: 'a layer whose weights all its uses have in common',
  as: 'names the layer, and with it its weights',
  in: 'before what a variable goes through, a format, or where the parameters of a kind are',
  and: 'whether both hold; the second is looked at only if the first does',
  or: 'whether one of two holds; the second is looked at only if the first does not',
  not: 'whether it does not hold',
  true: 'it holds',
  false: 'it does not hold',
  until: 'before the epochs, counted from the first, in which the parameters are frozen: `freeze "stem.*" until 2`',
  after: 'before the epochs after which the parameters are frozen: `freeze fc after 5`',
} as const satisfies Readonly<Record<string, string>>;

export type Keyword = keyof typeof KEYWORDS;

export function isKeyword(word: string): word is Keyword {
  return Object.hasOwn(KEYWORDS, word);
}
