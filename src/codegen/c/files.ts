import { isOfTail, type Plan, type PlanFunction } from '../../plan/plan.js';

/** Kernels of a training step above which evaluation, which a run first needs at the end of an epoch, is not compiled with it. */
const DEEP = 1000;

/**
 * The functions of each C file that a plan becomes. The first file holds what a run calls first. A file of its own have: evaluation, where
 * the network is deep; and steps of a smaller batch, which have few kernels in common with the others. They are compiled while the first
 * steps run.
 */
export function filesOf({ functions }: Plan): readonly (readonly PlanFunction[])[] {
  const sooner = functions.filter(({ name }) => !isOfTail(name));
  const tail = functions.filter(({ name, batch }) => isOfTail(name) && sooner.length > 0 && sooner.every((other) => other.batch !== batch));
  const usual = functions.filter((fn) => !tail.includes(fn));
  const training = usual.filter(({ name }) => name !== 'eval_step');
  const isDeep = training.length < usual.length && training.some(({ groups }) => groups.length > DEEP);
  const first = isDeep ? training : usual;
  return [first, usual.filter((fn) => !first.includes(fn)), tail].filter((file, index) => index === 0 || file.length > 0);
}

/** The place in `filesOf` of the file with a function. Throws when the plan has no such function. */
export function fileOf(plan: Plan, name: string): number {
  const file = filesOf(plan).findIndex((functions) => functions.some((fn) => fn.name === name));
  if (file < 0) throw new Error(`the plan has no function ${name}`);
  return file;
}
