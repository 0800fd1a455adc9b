import { LineIndex } from '../diagnostics/lines.js';
import type { SettingItem } from '../parser/ast.js';
import { parseAmp } from '../parser/parse.js';
import { findItem } from './edit-file.js';
import { applyOverride, listOverrides, type Overrides } from './overrides.js';

/** Who says what a setting is: nobody, a line of the file, or an option of the command line as it is written there. */
export type WrittenOrigin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly line: number }
  | { readonly kind: 'option'; readonly option: string };

/** Who says what the settings `names` of the precision section are, of a file without mistakes. */
export function precisionOrigins<Name extends string>(
  text: string,
  overrides: Overrides,
  names: readonly Name[],
): Readonly<Record<Name, WrittenOrigin>> {
  let { file } = parseAmp(text);
  const lines = new LineIndex(text);
  const items = () => names.map((name) => findItem(file, 'precision', name));
  const fromFile = (item: SettingItem | undefined): WrittenOrigin =>
    item === undefined ? { kind: 'default' } : { kind: 'file', line: lines.position(item.span.start).line };
  let before = items();
  const origins = before.map(fromFile);
  for (const { text: override, option, written } of listOverrides(overrides)) {
    file = applyOverride(file, override, option);
    const now = items();
    for (const [index, item] of now.entries())
      if (item !== before[index]) origins[index] = item === undefined ? { kind: 'default' } : { kind: 'option', option: written };
    before = now;
  }
  return Object.fromEntries(names.map((name, index) => [name, origins[index]!])) as Record<Name, WrittenOrigin>;
}
