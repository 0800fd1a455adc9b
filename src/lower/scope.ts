import type { Value } from './value.js';

/** Names and their values; an inner scope sees the outer ones. */
export class Scope {
  private readonly values = new Map<string, Value>();
  private readonly parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  set(name: string, value: Value): void {
    this.values.set(name, value);
  }

  get(name: string): Value | undefined {
    return this.values.get(name) ?? this.parent?.get(name);
  }

  names(): readonly string[] {
    return [...this.values.keys(), ...(this.parent?.names() ?? [])];
  }
}
