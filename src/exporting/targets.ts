import type { Program } from '../ir/program.js';
import type { Shape } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import { evaluationGraph, upToLogits } from './evaluation-graph.js';
import type { ModelFacts, SourceBlock } from './facts.js';
import type { ImageForm } from './onnx/graph.js';

/** What an exporter is given of a trained model. */
export interface TrainedModel {
  /** With a batch whose size no other axis has. */
  readonly plan: Plan;
  readonly program: Program;
  /** Parameters and statistics by name. */
  readonly states: ReadonlyMap<string, Float32Array>;
  readonly facts: ModelFacts;
  readonly image: ImageForm;
  /** Where the blocks of the `.amp` file are in it, if nothing of the model is from another file. */
  readonly blocks: readonly SourceBlock[];
}

/** What a safetensors file holds. */
export interface Tensors {
  readonly tensors: ReadonlyMap<string, { readonly shape: Shape; readonly data: Float32Array }>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Files by name, or the bytes of the one that there is. */
export type Exported = Uint8Array | Readonly<Record<string, Uint8Array | string | Tensors>>;

export interface ExportFormat {
  /** As `--help` has it. */
  readonly doc: string;
  /** What a default name ends with. */
  readonly suffix: string;
  /** Whether the caller chooses the form of its images. */
  readonly takesImageForm: boolean;
  readonly export: (model: TrainedModel) => Promise<Exported>;
}

const onnx: ExportFormat = {
  doc: 'ONNX: a file for onnxruntime and others',
  suffix: '.onnx',
  takesImageForm: true,
  export: async ({ plan, states, facts, image }) => {
    const { exportOnnx } = await import('./onnx/export.js');
    return exportOnnx(evaluationGraph(plan), states, facts, image);
  },
};

const torch: ExportFormat = {
  doc: 'PyTorch: a folder with model.py, modules of torch.nn, and their state dict',
  suffix: '-torch',
  takesImageForm: false,
  export: async ({ program, states, facts, blocks }) => {
    const { exportTorch } = await import('./torch/export.js');
    const { source, tensors } = exportTorch(upToLogits(program.eval), states, facts, blocks);
    return { 'model.py': source, 'weights.safetensors': { tensors, metadata: { format: 'pt', model: facts.model } } };
  },
};

const c: ExportFormat = {
  doc: 'C: a folder with a program that classifies images, and its weights',
  suffix: '-c',
  takesImageForm: false,
  export: async ({ plan, states, facts }) => {
    const { exportC } = await import('./c/export.js');
    return exportC(evaluationGraph(plan), states, facts);
  },
};

const web: ExportFormat = {
  doc: 'a folder with one page that classifies a dropped picture in the browser, by WebGPU',
  suffix: '-web',
  takesImageForm: false,
  export: async ({ plan, program, states, facts }) => {
    const { exportWeb } = await import('./web/export.js');
    return exportWeb(evaluationGraph(plan), states, facts, program.recipe.dataset.size);
  },
};

export const EXPORT_FORMATS = { onnx, torch, c, web } as const satisfies Readonly<Record<string, ExportFormat>>;

export type ExportTarget = keyof typeof EXPORT_FORMATS;
