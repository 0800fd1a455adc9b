import { userError } from '../../diagnostics/diagnostic.js';

/** One `FILE=MODEL`: what the file calls a tensor or a layer, and what the model does. */
export interface NameRule {
  readonly text: string;
  /** The model's name for a name of the file; undefined where the rule does not speak of it. */
  rename(name: string): string | undefined;
}

function refuse(text: string, why: string): never {
  throw userError(
    'AMP6214',
    `--init-map ${text} is no pair of names`,
    why,
    'write the name in the file, =, and the name in the model: features.0.weight=conv1.weight, features.0=conv1, or layer*.*=stage*.*',
  );
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}

/**
 * Reads `FILE=MODEL`. A name of a layer stands for all tensors below it; each `*` stands for what is between two dots, a last one for the
 * whole rest, and the n-th one in MODEL for what the n-th in FILE has found. Throws UserError AMP6214.
 */
export function parseNameRule(text: string): NameRule {
  const [file, model, more] = text.split('=');
  if (file === undefined || model === undefined || more !== undefined || file === '' || model === '')
    return refuse(text, 'it has not one name on each side of one =');
  const stars = file.split('*').length - 1;
  if (model.split('*').length - 1 !== stars) return refuse(text, 'the sides have not the same number of *');
  if (/\*\*/.test(text)) return refuse(text, 'two * stand side by side');
  const parts = file.split('*');
  const source = parts
    .map((part, i) => (i === stars ? escaped(part) : `${escaped(part)}(${i === stars - 1 && parts[stars] === '' ? '.+' : '[^.]*'})`))
    .join('');
  const pattern = new RegExp(`^${source}(\\..+)?$`);
  const rename = (name: string): string | undefined => {
    const found = pattern.exec(name);
    if (found === null) return undefined;
    let star = 0;
    return model.replaceAll('*', () => found[++star] ?? '') + (found[stars + 1] ?? '');
  };
  return { text, rename };
}
