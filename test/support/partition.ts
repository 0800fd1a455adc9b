import assert from 'node:assert/strict';
import type { ValueId } from '../../src/ir/types.js';
import { byteLength } from '../../src/ir/types.js';
import type { PlanFunction } from '../../src/plan/plan.js';
import { isDeclaration, storageRoot } from '../../src/plan/storage.js';

/** The group of every computed value. */
function groupsByValue({ groups }: PlanFunction): Map<ValueId, number> {
  return new Map(groups.flatMap((group) => group.nodes.map((id) => [id, group.index] as const)));
}

/** Groups hold every working node once, in execution order, and read only what they or earlier ones computed. */
export function assertPartition(fn: PlanFunction): void {
  const { graph, groups } = fn;
  const groupOf = groupsByValue(fn);
  assert.deepEqual(
    groups.flatMap(({ nodes }) => nodes),
    graph.nodes.filter((node) => !isDeclaration(node)).map(({ id }) => id),
  );
  assert.deepEqual(
    groups.map(({ index }) => index),
    [...groups.keys()],
  );
  assert.equal(new Set(groups.map(({ name }) => name)).size, groups.length, 'names of groups are unique');
  for (const { name, index, nodes } of groups) {
    assert.match(name, /^[A-Za-z_][A-Za-z0-9_]*$/);
    assert.ok(nodes.length > 0);
    for (const input of nodes.flatMap((id) => graph.nodes[id].inputs))
      assert.ok((groupOf.get(input) ?? -1) <= index, `${name} reads ahead`);
  }
}

/** Stored is exactly what another group, or the caller, reads. */
export function assertStores(fn: PlanFunction): void {
  const { graph, groups, memory } = fn;
  const groupOf = groupsByValue(fn);
  const read = new Set(Object.values(graph.outputs).map((id) => storageRoot(graph, id)));
  for (const node of graph.nodes.filter(({ op }) => op !== 'reshape')) {
    for (const input of node.inputs) {
      const root = storageRoot(graph, input);
      if (groupOf.get(root) !== groupOf.get(node.id)) read.add(root);
    }
  }
  const expected = [...read].filter((id) => groupOf.has(id)).sort((a, b) => a - b);
  assert.deepEqual(
    groups.flatMap(({ stores }) => stores),
    expected,
  );
  assert.deepEqual(
    memory.allocations.map(({ value }) => value),
    expected,
  );
}

/** Values that live at the same time share no byte; outputs live to the end. */
export function assertMemory(fn: PlanFunction): void {
  const { graph, groups, memory } = fn;
  const groupOf = groupsByValue(fn);
  const lastRead = new Map<ValueId, number>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      const root = storageRoot(graph, input);
      lastRead.set(root, Math.max(lastRead.get(root) ?? 0, groupOf.get(node.id) ?? 0));
    }
  }
  for (const id of Object.values(graph.outputs)) lastRead.set(storageRoot(graph, id), groups.length);
  const lives = memory.allocations.map(({ value, offset, size }) => {
    assert.equal(size, byteLength(graph.nodes[value].type));
    assert.ok(offset % 64 === 0 && offset + size <= memory.arena);
    return { offset, end: offset + size, from: groupOf.get(value)!, to: lastRead.get(value)! };
  });
  for (const [index, a] of lives.entries()) {
    for (const b of lives.slice(0, index)) {
      const together = a.from <= b.to && b.from <= a.to;
      assert.ok(!together || a.end <= b.offset || b.end <= a.offset, `values of groups ${b.from} and ${a.from} overlap in ${fn.name}`);
    }
  }
}
