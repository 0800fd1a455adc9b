/** Training steps of networks of examples/zoo. */
export const ZOO_STEPS = ['mobilenet-v2', 'convmixer', 'vit-tiny', 'wrn-16-4', 'densenet-bc-100', 'efficientnet-b0'] as const;
type ZooStep = (typeof ZOO_STEPS)[number];

export const WORKS = ['simple-step', 'resnet-step', 'eval', 'epoch', 'airbench94', ...ZOO_STEPS] as const;
export type WorkName = (typeof WORKS)[number];

export const PRECISIONS = ['fp32', 'bf16', 'fp16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The largest ratio of ampc's time to the other's that is good enough, and the one to aim for. */
export interface Goal {
  readonly against: 'PyTorch' | 'own fp32';
  readonly atMost: number;
  readonly aim?: number;
}

export interface Work {
  readonly name: WorkName;
  readonly title: string;
  /** A file of examples, without its ending. */
  readonly model: 'simple-cnn' | 'resnet18' | 'airbench94' | `zoo/${ZooStep}`;
  /** That of the file, which PyTorch's side has too. */
  readonly optimizer: 'adam' | 'adamw' | 'sgd';
  /**
   * `step`: one optimizer step on a batch that is in memory; `eval`: logits, loss and hits of a batch; `epoch`: all batches, from the data
   * set.
   */
  readonly kind: 'step' | 'eval' | 'epoch';
  readonly batch: number;
  /** Precisions that are timed at all, with what they should reach. */
  readonly goals: Readonly<Partial<Record<Precision, Goal>>>;
  /** Timed repetitions a round. */
  readonly steps: number;
}

const own = (atMost: number): Goal => ({ against: 'own fp32', atMost });
const peer = (atMost: number, aim?: number): Goal => ({ against: 'PyTorch', atMost, ...(aim === undefined ? {} : { aim }) });

const zooStep = <Name extends ZooStep>(name: Name, optimizer: Work['optimizer']) => ({
  title: `${name} training step, batch 64`,
  model: `zoo/${name}` as const,
  optimizer,
  kind: 'step' as const,
  batch: 64,
  goals: { fp32: peer(0.8, 0.6), bf16: peer(0.8, 0.6) },
  steps: 2,
});

const TABLE: Readonly<Record<WorkName, Omit<Work, 'name'>>> = {
  'simple-step': {
    title: 'SimpleCNN training step, batch 64',
    model: 'simple-cnn',
    optimizer: 'adam',
    kind: 'step',
    batch: 64,
    goals: { fp32: peer(0.7, 0.6), bf16: peer(0.45, 0.4), fp16: own(1) },
    steps: 40,
  },
  'resnet-step': {
    title: 'ResNet-18 training step, batch 128',
    model: 'resnet18',
    optimizer: 'sgd',
    kind: 'step',
    batch: 128,
    goals: { fp32: peer(1), bf16: peer(1, 0.85), fp16: own(1.1) },
    steps: 4,
  },
  eval: {
    title: 'SimpleCNN evaluation, batch 500',
    model: 'simple-cnn',
    optimizer: 'adam',
    kind: 'eval',
    batch: 500,
    goals: { fp32: peer(0.7), bf16: peer(0.45) },
    steps: 20,
  },
  epoch: {
    title: 'SimpleCNN epoch, shuffled, flip and crop',
    model: 'simple-cnn',
    optimizer: 'adam',
    kind: 'epoch',
    batch: 64,
    goals: { fp32: peer(0.55), bf16: peer(0.4) },
    steps: 1,
  },
  airbench94: {
    title: 'airbench94 training step, batch 1024',
    model: 'airbench94',
    optimizer: 'sgd',
    kind: 'step',
    batch: 1024,
    goals: { fp32: peer(0.5), bf16: peer(0.6), fp16: own(1) },
    steps: 2,
  },
  'mobilenet-v2': zooStep('mobilenet-v2', 'sgd'),
  convmixer: zooStep('convmixer', 'adamw'),
  'vit-tiny': zooStep('vit-tiny', 'adamw'),
  'wrn-16-4': zooStep('wrn-16-4', 'sgd'),
  'densenet-bc-100': zooStep('densenet-bc-100', 'sgd'),
  'efficientnet-b0': zooStep('efficientnet-b0', 'sgd'),
};

export function findWork(name: WorkName): Work {
  return { name, ...TABLE[name] };
}

/** Whether a step of it takes a good part of a second. */
export function isLarge({ model }: Work): boolean {
  return model !== 'simple-cnn';
}

/** PyTorch's fp16 on a processor is emulated: seconds a step for a large network, so it is left out there and timed rarely elsewhere. */
export function peerSteps(work: Work, precision: Precision, steps: number): number {
  if (precision !== 'fp16') return steps;
  return isLarge(work) ? 0 : Math.max(1, Math.min(steps, 3));
}
