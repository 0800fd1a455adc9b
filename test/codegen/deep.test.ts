import assert from 'node:assert/strict';
import { emitC } from '../../src/codegen/c/emit.js';
import { LARGEST_FRAME } from '../../src/codegen/c/stack.js';
import { targetFor } from '../../src/codegen/c/target.js';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import { buildLibrary } from '../../src/runtime/cpu/cache.js';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';
import { detectTarget } from '../../src/runtime/cpu/detect.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { denseNet, linearStack, preActResnet } from '../support/deep.js';
import { ADAM, type Model, type ProgramOptions, planOf } from '../support/network.js';
import { differences, train } from '../support/steps.js';
import { compilePlan } from './compile.js';

const TARGET = targetFor('avx512', 'x64');

/** What a deep network's step has most of: scaled, clipped gradients and three states a parameter. */
const CLIPPED: ProgramOptions = { train: { clip: 1, optimizer: { ...ADAM, kind: 'adamw', weightDecay: 0.01 } } };

function textOf(model: Model, options: ProgramOptions): string {
  return emitC(planOf(model, options), TARGET).text;
}

/** Body of every function whose code stands in the file, by name. */
function bodies(text: string): Map<string, string> {
  const found = text.matchAll(/^static (?:void|int) (\w+)\([^;{]*\{\n(.*?)^\}/gms);
  return new Map([...found].map(([, name, body]) => [name!, body!]));
}

describe('the C of deep networks', function () {
  this.timeout(120_000);

  const code = (text: string) => [...bodies(text).values()].reduce((sum, body) => sum + body.length, 0);

  it('grows with the depth by tables alone where layers are alike', () => {
    const [few, many] = [30, 60].map((depth) => textOf(linearStack(depth), CLIPPED));
    // Names of kernels hold numbers of layers: some have a digit more.
    assert.ok(Math.abs(code(many!) - code(few!)) < 0.03 * code(few!), `${code(few!)} characters of code became ${code(many!)}`);
  });

  it('hardly grows where layers differ in their numbers of channels alone', () => {
    const [few, many] = [20, 40].map((depth) => textOf(denseNet([depth], 8), CLIPPED));
    assert.ok(code(many!) < 1.15 * code(few!), `${code(few!)} characters of code became ${code(many!)}`);
  });

  it('trains layers that share code with other numbers as the reference does', async () => {
    const model = denseNet([12], 4);
    const plan = planOf(model, { ...CLIPPED, precision: { compute: 'f32' } });
    assert.match(emitC(plan, TARGET).text, /and \d+ more, with numbers of their own/);
    const want = await train(await createReference().load(plan), plan, 2);
    const got = await train(await compilePlan(plan, { threads: 2 }), plan, 2);
    for (const [step, { loss }] of want.scalars.entries())
      assert.ok(Math.abs(got.scalars[step]!.loss! - loss!) < 1e-4 * loss!, `loss ${got.scalars[step]!.loss}, the reference has ${loss}`);
    assert.deepEqual(differences(got, await train(await compilePlan(plan, { threads: 1 }), plan, 2)), []);
  });

  for (const [name, model, image] of [
    ['a DenseNet-202', denseNet([6, 12, 48, 32]), [16, 16, 3]],
    ['a PreAct-ResNet-164', preActResnet(18), [8, 8, 3]],
    ['180 linear layers with norms', linearStack(180), [8, 8, 3]],
  ] as const) {
    it(`updates the parameters of ${name} in a few loops, and builds no lists on the stack`, () => {
      const text = textOf(model, { ...CLIPPED, image });
      const update = [...bodies(text)].filter(([function_]) => function_.startsWith('k_update'));
      const size = update.reduce((sum, [, body]) => sum + body.length, 0);
      assert.ok(update.length > 2 && size < 40_000, `${update.length} functions, ${size} characters`);
      const step = bodies(text).get('run_train_step')!;
      assert.ok(step.split('\n').length < 12, step);
      assert.doesNotMatch(text, /\(void \*(?:const)?\[\]\)/);
    });
  }

  it('trains 180 layers as the reference does, to the same bits on one thread and on two', async () => {
    const plan = planOf(linearStack(180), { ...CLIPPED, batch: 4, precision: { compute: 'f16' } });
    const want = await train(await createReference().load(plan), plan, 2);
    const got = await train(await compilePlan(plan, { threads: 2 }), plan, 2);
    for (const [step, { loss, ok }] of want.scalars.entries()) {
      assert.ok(Math.abs(got.scalars[step]!.loss! - loss!) < 0.02 * loss!, `loss ${got.scalars[step]!.loss}, the reference has ${loss}`);
      assert.equal(got.scalars[step]!.ok, ok);
    }
    assert.deepEqual(differences(got, await train(await compilePlan(plan, { threads: 1 }), plan, 2)), []);
  });

  it('keeps channels too many for the stack in scratch', async () => {
    const wide: Model = ({ image, call }) => {
      const features = call('batch_norm', call('linear', call('flatten', image), { features: 20_000 }));
      return call('linear', call('sigmoid', features), { features: 10 });
    };
    const plan = planOf(wide, { image: [1, 1, 3], batch: 3, precision: { compute: 'f32' } });
    const want = await train(await createReference().load(plan), plan, 2);
    const got = await train(await compilePlan(plan), plan, 2);
    for (const [step, { loss }] of want.scalars.entries())
      assert.ok(Math.abs(got.scalars[step]!.loss! - loss!) < 1e-4 * loss!, `loss ${got.scalars[step]!.loss}, the reference has ${loss}`);
  });

  it('is refused when a frame could overflow a stack', async () => {
    const compiler = await findCompiler();
    const code = (bytes: number) => `static __attribute__((noinline)) void fill(volatile char *p) { p[0] = 1; }
void frame(void) { volatile char p[${bytes}]; fill(p); }
`;
    const target = await detectTarget(compiler);
    await buildLibrary(code(LARGEST_FRAME / 2), compiler, target);
    await assert.rejects(buildLibrary(code(2 * LARGEST_FRAME), compiler, target), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.diagnostics[0]!.message, /frame/);
      return true;
    });
  });
});
