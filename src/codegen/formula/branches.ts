import { type Code, emit } from '../code.js';
import { isWider } from './expression.js';
import { type Leaves, type Renderer, Writer } from './render.js';
import type { Update } from './update.js';

/** Where the new values of an update go. */
export interface UpdateStores {
  /** Statement that stores the new value of the state in that position. */
  store(position: number, text: string): Code;
  /** Statements behind the stores, given the text of the first value; of a state that stays, undefined. */
  after?(first: string | undefined): readonly string[];
}

/**
 * An update as statements: a branch for each case, in which its names are declared (each belongs to one case) and its states stored. What
 * varies less than the element, and the operands read, come ahead through `leaves`. `extent`: of the values stored.
 */
export function updateStatements(
  renderer: Renderer,
  leaves: Leaves,
  { first, cases }: Update,
  extent: 'scalar' | 'element',
  stores: UpdateStores,
): Code[] {
  let block: string[] | undefined;
  const writer = new Writer(renderer, {
    ...leaves,
    declare: (name, value, text, changes = false) => {
      if (block === undefined || isWider(extent, value.extent)) return leaves.declare(name, value, text, changes);
      block.push(renderer.declare(name, value, text, changes));
      return name;
    },
  });
  writer.bind(first, extent);
  const lines: Code[] = [];
  for (const { when, values } of cases) {
    block = [];
    const texts = values.map((value) => (value === undefined ? undefined : writer.at(value, extent).text));
    const stored = texts.flatMap((text, position) => (text === undefined ? [] : [stores.store(position, text)]));
    const condition = when === undefined ? undefined : writer.write(when);
    const head = lines.length === 0 ? '' : '} else ';
    lines.push(`${head}${condition === undefined ? '' : `if (${condition}) `}{`);
    lines.push(...[...block, ...stored, ...(stores.after?.(texts[0]) ?? [])].map((line) => emit`  ${line}`));
  }
  return [...lines, '}'];
}
