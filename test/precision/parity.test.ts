import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { DType, LowType, Node } from '../../src/ir/types.js';
import { type OpName, opDefinition } from '../../src/ops/index.js';
import { decide } from '../../src/precision/decide.js';

type Formats = Readonly<Record<string, DType>>;
type Recorded = Readonly<Record<'low' | 'f32' | 'mixed', Formats>>;

/** Made by autocast.py beside it: result formats of PyTorch's ops under autocast. */
const PYTORCH = JSON.parse(readFileSync(new URL('../fixtures/pytorch/autocast.json', import.meta.url), 'utf8')) as {
  readonly cuda: Recorded;
  readonly cpu: Recorded;
};

/** The result's format under policy `autocast`, with float operands that arrive in these formats. */
function decided(name: OpName, compute: LowType, arriving: readonly DType[]): DType {
  const op = opDefinition(name);
  const operands = op.operands.flatMap(({ format, variadic }, index): readonly DType[] => {
    if (format !== 'class' && format !== 'accumulator' && format !== 'exact') return [format];
    return variadic === true ? arriving : [arriving[index] ?? arriving.at(-1)!];
  });
  const node: Node = { id: 0, op: name, inputs: [], attrs: {}, type: { dtype: 'f32', shape: [2, 4] }, layer: 'layer' };
  return decide(node, op, { policy: 'autocast', compute, pin: undefined, operands, learned: [], forward: undefined, consumers: [] }).result;
}

function differences(compute: LowType, recorded: Recorded): string[] {
  const found: string[] = [];
  const compare = (table: Formats, arriving: readonly DType[]) => {
    for (const [name, theirs] of Object.entries(table)) {
      const ours = decided(name as OpName, compute, arriving);
      if (ours !== theirs) found.push(`${name} of ${arriving.join(' and ')}: ${ours}, PyTorch ${theirs}`);
    }
  };
  compare(recorded.low, [compute]);
  compare(recorded.f32, ['f32']);
  compare(recorded.mixed, [compute, 'f32']);
  return found;
}

describe("parity of policy autocast with PyTorch's", () => {
  it('knows every op that the language can call', () => {
    assert.ok(Object.keys(PYTORCH.cuda.low).length >= 25);
    assert.deepEqual(Object.keys(PYTORCH.cuda.low), Object.keys(PYTORCH.cpu.low));
  });

  it('decides every op as autocast on CUDA does in fp16', () => {
    assert.deepEqual(differences('f16', PYTORCH.cuda), []);
  });

  it('decides every op as autocast on the CPU does in bf16, but for what its list of f32 ops leaves out', () => {
    assert.deepEqual(differences('bf16', PYTORCH.cpu), CPU_DIFFERENCES);
  });

  it('lists every difference, with its reason, in docs/precision.md', () => {
    const page = readFileSync(new URL('../../docs/precision.md', import.meta.url), 'utf8');
    for (const difference of CPU_DIFFERENCES) assert.ok(page.includes(`| ${difference.split(':')[0]} |`), difference);
  });
});

const CPU_DIFFERENCES = [
  'layer_norm of bf16: f32, PyTorch bf16',
  'sum of bf16: f32, PyTorch bf16',
  'softplus of bf16: f32, PyTorch bf16',
  'exp of bf16: f32, PyTorch bf16',
  'log of bf16: f32, PyTorch bf16',
  'pow of bf16: f32, PyTorch bf16',
  'upsample_nearest of bf16: f32, PyTorch bf16',
  'upsample_bilinear of bf16: f32, PyTorch bf16',
  'softmax of bf16: f32, PyTorch bf16',
  'log_softmax of bf16: f32, PyTorch bf16',
];
