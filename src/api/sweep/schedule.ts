interface Item {
  readonly index: number;
  readonly plan: string;
}

/** A run whose turn it is. `prepared` is to be called when its plan is compiled, and, at the latest, when the run has ended. */
export interface Turn extends Item {
  readonly prepared: () => void;
}

/** Gives out runs in their order, but none whose plan is being compiled: that waits, and takes the kernels that are there then. */
export class Schedule {
  readonly #left: Item[];
  readonly #compiling = new Set<string>();
  readonly #compiled = new Set<string>();
  #waiting: (() => void)[] = [];

  constructor(items: readonly Item[]) {
    this.#left = [...items];
  }

  /** Undefined when there is none left. */
  async next(): Promise<Turn | undefined> {
    for (;;) {
      if (this.#left.length === 0) return undefined;
      const place = this.#left.findIndex(({ plan }) => !this.#compiling.has(plan));
      const [item] = place < 0 ? [] : this.#left.splice(place, 1);
      if (item !== undefined) return this.#turn(item);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #turn(item: Item): Turn {
    const { plan } = item;
    if (!this.#compiled.has(plan)) this.#compiling.add(plan);
    const prepared = () => {
      if (!this.#compiling.delete(plan)) return;
      this.#compiled.add(plan);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const go of waiting) go();
    };
    return { ...item, prepared };
  }
}
