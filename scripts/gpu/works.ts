import type { Prepare } from '../../bench/peer.js';

/** A training step that is timed. */
export interface GpuWork extends Pick<Prepare, 'model' | 'optimizer' | 'batch' | 'precision'> {
  readonly title: string;
  /** Timed steps a round. */
  readonly steps: number;
}

/** In the order in which they are timed: those with goals first. The formats are those of the files. */
const WORKS: readonly GpuWork[] = [
  { title: 'SimpleCNN, 64', model: 'simple-cnn', optimizer: 'adam', batch: 64, precision: 'fp16', steps: 400 },
  { title: 'ResNet-18, 128', model: 'resnet18', optimizer: 'sgd', batch: 128, precision: 'fp16', steps: 100 },
  { title: 'SimpleCNN, 512', model: 'simple-cnn', optimizer: 'adam', batch: 512, precision: 'fp16', steps: 200 },
  { title: 'ResNet-18, 1024', model: 'resnet18', optimizer: 'sgd', batch: 1024, precision: 'fp16', steps: 30 },
  { title: 'ViT-tiny, 128', model: 'zoo/vit-tiny', optimizer: 'adamw', batch: 128, precision: 'bf16', steps: 60 },
  { title: 'airbench94, 1024', model: 'airbench94', optimizer: 'sgd', batch: 1024, precision: 'bf16', steps: 60 },
];

/** Shows that all of it works; its figures mean nothing. */
const QUICK: readonly GpuWork[] = [
  { title: 'SimpleCNN, 2', model: 'simple-cnn', optimizer: 'adam', batch: 2, precision: 'fp16', steps: 2 },
];

export const worksOf = (quick: boolean): readonly GpuWork[] => (quick ? QUICK : WORKS);

/** Steps in a row whose time is shared out: as many as a run takes between two looks at its results. */
export const ROW = 50;

/** PyTorch's modes, see bench/torch_gpu.py. */
export const TORCH_MODES = ['eager', 'graph', 'compile', 'compile-graph'] as const;
export type TorchMode = (typeof TORCH_MODES)[number];

export const TORCH_TITLES: Readonly<Record<TorchMode, string>> = {
  eager: 'PyTorch eager',
  graph: 'PyTorch CUDA graphs',
  compile: 'PyTorch compiled',
  'compile-graph': 'PyTorch compiled, CUDA graphs',
};

/** The largest share of a side's time that ampc's on cuda may take. */
export interface SpeedGoal {
  readonly work: string;
  readonly against: TorchMode;
  readonly atMost: number;
}

export const SPEED_GOALS: readonly SpeedGoal[] = [
  { work: 'SimpleCNN, 64', against: 'graph', atMost: 0.5 },
  { work: 'SimpleCNN, 64', against: 'eager', atMost: 0.1 },
  { work: 'ResNet-18, 128', against: 'compile-graph', atMost: 0.8 },
  { work: 'ResNet-18, 1024', against: 'compile-graph', atMost: 0.8 },
];

/** CIFAR-10 to so much accuracy in so many seconds, by examples/airbench94.amp. */
export const ACCURACY_GOAL = { accuracy: 0.94, seconds: 2.6 } as const;
