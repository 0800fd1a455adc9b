import {
  Dtype,
  Global,
  type Item,
  latin1,
  Mark,
  MOST_ITEMS,
  NUMPY_NAMES,
  type Pickled,
  PickleMachine,
  type PickleNames,
  Tuple,
  Unfilled,
} from './pickle-machine.js';

export type { Pickled, PickledArray } from './pickle-machine.js';

const MOST_DEPTH = 64;

const OPCODES: Readonly<Record<string, (machine: PickleMachine) => void>> = {
  '\x80': (machine) => {
    if (machine.number(1) > 5) machine.fail('its protocol is not known');
  },
  // FRAME: a hint for reading ahead.
  '\x95': (machine) => {
    machine.number(8);
  },
  '(': (machine) => {
    machine.mark();
  },
  '0': (machine) => {
    machine.pop();
  },
  N: (machine) => {
    machine.push(null);
  },
  '\x88': (machine) => {
    machine.push(true);
  },
  '\x89': (machine) => {
    machine.push(false);
  },
  G: (machine) => {
    machine.push(machine.double());
  },
  J: (machine) => {
    machine.push(machine.number(4) | 0);
  },
  K: (machine) => {
    machine.push(machine.number(1));
  },
  M: (machine) => {
    machine.push(machine.number(2));
  },
  '\x8a': (machine) => {
    machine.push(machine.long());
  },
  // Text of Python 2, and bytes.
  T: (machine) => {
    machine.push(latin1(machine.take(machine.number(4))));
  },
  U: (machine) => {
    machine.push(latin1(machine.take(machine.number(1))));
  },
  B: (machine) => {
    machine.push(latin1(machine.take(machine.number(4))));
  },
  C: (machine) => {
    machine.push(latin1(machine.take(machine.number(1))));
  },
  '\x8e': (machine) => {
    machine.push(latin1(machine.take(machine.number(8))));
  },
  X: (machine) => {
    machine.push(machine.utf8(machine.number(4)));
  },
  '\x8c': (machine) => {
    machine.push(machine.utf8(machine.number(1)));
  },
  ')': (machine) => {
    machine.push(new Tuple([]));
  },
  t: (machine) => {
    machine.push(new Tuple(machine.toMark()));
  },
  '\x85': (machine) => {
    machine.tuple(1);
  },
  '\x86': (machine) => {
    machine.tuple(2);
  },
  '\x87': (machine) => {
    machine.tuple(3);
  },
  ']': (machine) => {
    machine.push([]);
  },
  l: (machine) => {
    machine.push(machine.toMark());
  },
  a: (machine) => {
    const item = machine.pop();
    machine.list().push(item);
  },
  e: (machine) => {
    const items = machine.toMark();
    const into = machine.list();
    for (const item of items) into.push(item);
  },
  '}': (machine) => {
    machine.push(new Map());
  },
  d: (machine) => {
    const pairs = machine.toMark();
    machine.push(new Map());
    machine.setItems(pairs);
  },
  s: (machine) => {
    const value = machine.pop();
    const key = machine.pop();
    machine.setItems([key, value]);
  },
  u: (machine) => {
    machine.setItems(machine.toMark());
  },
  q: (machine) => {
    machine.remember(machine.number(1));
  },
  r: (machine) => {
    machine.remember(machine.number(4));
  },
  '\x94': (machine) => {
    machine.remember(machine.memoSize);
  },
  h: (machine) => {
    machine.recall(machine.number(1));
  },
  j: (machine) => {
    machine.recall(machine.number(4));
  },
  c: (machine) => {
    const module = machine.line();
    machine.push(machine.global(module, machine.line()));
  },
  '\x93': (machine) => {
    const name = machine.text(machine.pop());
    machine.push(machine.global(machine.text(machine.pop()), name));
  },
  Q: (machine) => {
    machine.persistent();
  },
  R: (machine) => {
    machine.reduce();
  },
  b: (machine) => {
    machine.build();
  },
};

/** What is left on the stack, if it is data. Shared parts count each time: a small file could hold them without end. */
class Finish {
  private items = 0;

  constructor(private readonly machine: PickleMachine) {}

  of(item: Item, depth = 0): Pickled {
    if (depth > MOST_DEPTH) return this.machine.fail('it is nested too deeply');
    if (++this.items > MOST_ITEMS) return this.machine.fail('it holds too many values');
    const inner = (part: Item) => this.of(part, depth + 1);
    if (item instanceof Unfilled) return item.array ?? this.machine.fail('an array has no contents');
    if (item instanceof Tuple) return item.items.map(inner);
    if (item instanceof Map) return new Map([...(item as Map<Item, Item>)].map(([key, value]) => [inner(key), inner(value)]));
    if (Array.isArray(item)) return (item as Item[]).map(inner);
    if (item instanceof Mark || item instanceof Global || item instanceof Dtype) return this.machine.fail('it holds more than data');
    return item as Pickled;
  }
}

/**
 * The data of the pickle at `from` (Python's protocols 2 to 4, as far as they write lists, dictionaries, texts, numbers and what `names`
 * stand for: by default arrays of numpy), and where it ends. Nothing is imported or called: an opcode or a name that such data does not
 * need is refused. Throws BadFile.
 */
export function readPickleAt(bytes: Uint8Array, from: number, names: PickleNames): { readonly value: Pickled; readonly end: number } {
  const machine = new PickleMachine(from === 0 ? bytes : bytes.subarray(from), names);
  for (;;) {
    const opcode = String.fromCharCode(machine.number(1));
    if (opcode === '.') return { value: new Finish(machine).of(machine.pop()), end: from + machine.position };
    const run = Object.hasOwn(OPCODES, opcode) ? OPCODES[opcode] : undefined;
    if (run === undefined) return machine.fail(`opcode 0x${opcode.charCodeAt(0).toString(16)} is none that data needs`);
    run(machine);
  }
}

/** As `readPickleAt`, of bytes that are one pickle. Throws BadFile. */
export function readPickle(bytes: Uint8Array, names: PickleNames = NUMPY_NAMES): Pickled {
  return readPickleAt(bytes, 0, names).value;
}
