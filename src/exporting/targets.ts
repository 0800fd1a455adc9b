import type { Program } from '../ir/program.js';
import type { Shape } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import { evaluationGraph } from './evaluation-graph.js';
import type { ModelFacts } from './facts.js';
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
  readonly export: (model: TrainedModel) => Promise<Exported>;
}

const onnx: ExportFormat = {
  doc: 'ONNX: a file for onnxruntime and others',
  suffix: '.onnx',
  export: async ({ plan, states, facts, image }) => {
    const { exportOnnx } = await import('./onnx/export.js');
    return exportOnnx(evaluationGraph(plan), states, facts, image);
  },
};

export const EXPORT_FORMATS = { onnx } as const satisfies Readonly<Record<string, ExportFormat>>;

export type ExportTarget = keyof typeof EXPORT_FORMATS;
