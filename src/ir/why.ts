/**
 * Rules that can decide a format; precision/rules.ts says what each means. `fixed` also for nodes that no format is decided for: they say
 * why they exist.
 */
export const RULE_IDS = [
  'low',
  'full',
  'promote',
  'follow',
  'source',
  'grad',
  'accumulator',
  'pin',
  'range',
  'overflow',
  'fastest',
  'storage',
  'fp32',
  'fixed',
] as const;
export type RuleId = (typeof RULE_IDS)[number];

/**
 * The rule that decided a node's format, and the reason in words: what it was decided for, or why the node exists. Nodes share these
 * objects.
 */
export interface Why {
  readonly rule: RuleId;
  readonly text: string;
}

/** The text form: `low: conv2d`; of what is fixed, the reason alone. */
export function formatWhy({ rule, text }: Why): string {
  return rule === 'fixed' ? text : `${rule}: ${text}`;
}

/** The text form of why a node is as it is; empty where it does not say. */
export function whyText({ why }: { readonly why?: Why | undefined }): string {
  return why === undefined ? '' : formatWhy(why);
}

const TEXT_FORM = new RegExp(`^(${RULE_IDS.filter((rule) => rule !== 'fixed').join('|')}): `);

/** Reads the text form; what begins with no rule is the reason of something fixed. */
export function parseWhy(text: string): Why {
  const rule = TEXT_FORM.exec(text)?.[1] as RuleId | undefined;
  return rule === undefined ? { rule: 'fixed', text } : { rule, text: text.slice(rule.length + 2) };
}

/** Makes the reasons of one rule that differ in a single word: one object for each word, however many nodes have it. */
export function reasons<Word extends string>(rule: RuleId, text: (word: Word) => string): (word: Word) => Why {
  const made = new Map<Word, Why>();
  return (word) => {
    const known = made.get(word) ?? { rule, text: text(word) };
    made.set(word, known);
    return known;
  };
}

/** Why something exists that no policy decides about, in words that stand in the code. */
export const note = reasons<string>('fixed', (text) => text);
