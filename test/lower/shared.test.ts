import assert from 'node:assert/strict';
import { buildTrainStep } from '../../src/autodiff/step.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { callInDoubles, type Doubles, initialDoubles, randomInputs } from '../support/run.js';

const SETTINGS = 'train { optimizer sgd(lr: 0.1) batch 2 }';

function net(body: string): string {
  return `
    block Tower(x, channels) { x |> conv2d(channels, kernel: 3, stride: 4) as conv |> tanh }
    model Net(image: [32, 32, 3]) -> [10] { ${body} }
    ${SETTINGS}`;
}

/** Before a step and after it; layers called `a` and `b` begin with the weights of `tower`. */
function step(body: string): { readonly before: Doubles; readonly after: Doubles } {
  const program = lowerProgram({ path: 'net.amp', text: net(body) }, { images: 0 });
  const graph = buildTrainStep(program.train, program.recipe, { kind: 'none' }, 2);
  const states = initialDoubles(graph);
  for (const [name, values] of states) {
    const shared = SHARED.before.get(name.replace(/^[ab]\./, 'tower.'));
    if (shared !== undefined) values.set(shared);
  }
  const before = new Map([...states].map(([name, values]) => [name, values.slice()]));
  callInDoubles(graph, randomInputs(program, 1), states);
  return { before, after: states };
}

const SHARED: { before: Doubles } = { before: new Map() };

describe('a shared layer', () => {
  it('has for its gradient the sum of those of its uses', () => {
    const of = (f: string, g: string) => `(image |> ${f}) * (image |> scale(-0.5) |> ${g}) |> flatten |> linear(10) as fc`;
    const shared = step(`let tower = share Tower(4) as tower ${of('tower', 'tower')}`);
    SHARED.before = shared.before;
    const apart = step(of('Tower(4) as a', 'Tower(4) as b'));
    for (const weight of ['conv.weight', 'conv.bias']) {
      const start = shared.before.get(`tower.${weight}`)!;
      const [a, b] = [apart.after.get(`a.${weight}`)!, apart.after.get(`b.${weight}`)!];
      for (const [i, value] of shared.after.get(`tower.${weight}`)!.entries()) {
        assert.ok(Math.abs(value - (a[i]! + b[i]! - start[i]!)) < 1e-9, `${weight}[${i}]`);
        assert.notEqual(a[i], start[i]);
      }
    }
  });

  it('is one set of weights for all uses, in training and in evaluation', () => {
    const text = net('let tower = share Tower(3) as tower image |> tower |> tower |> flatten |> linear(10)');
    const program = lowerProgram({ path: 'net.amp', text });
    for (const graph of [program.train, program.eval]) {
      const names = graph.nodes.filter(({ op }) => op === 'state').map(({ attrs }) => attrs.name);
      assert.deepEqual(names, ['tower.conv.weight', 'tower.conv.bias', 'linear_1.weight', 'linear_1.bias']);
    }
  });
});
