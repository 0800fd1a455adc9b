import type { GraphBuilder } from '../ir/builder.js';
import type { ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import type { LayerContext, StateInit } from '../ops/layer.js';
import { fnv1a32 } from '../random/threefry.js';

/** What differs between the layers of one graph. */
export type LayerCall = Pick<LayerContext, 'input' | 'values' | 'args' | 'path' | 'loc'>;

/** What the layers of one graph get to build themselves with. */
export class LayerContexts {
  private stepInput: ValueId | undefined;

  constructor(private readonly graph: Pick<LayerContext, 'builder' | 'mode' | 'seed'>) {}

  for(call: LayerCall): LayerContext {
    const { builder } = this.graph;
    const { path: layer, loc } = call;
    const state = (role: string, name: string, shape: readonly number[], init: StateInit) => {
      const attrs = { name: `${layer}.${name}`, role, init: init.kind, value: init.kind === 'uniform' ? init.bound : init.value };
      return builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape }, layer, loc });
    };
    return {
      ...this.graph,
      ...call,
      salt: fnv1a32(layer),
      emit: (op, inputs, attrs = {}) => emit(builder, op, inputs, attrs, { layer, loc }),
      parameter: (name, shape, init) => state('parameter', name, shape, init),
      statistic: (name, shape, init) => state('statistic', name, shape, init),
      step: () => this.step(builder),
      type: (id) => builder.type(id),
    };
  }

  private step(builder: GraphBuilder): ValueId {
    this.stepInput ??= builder.add({ op: 'input', attrs: { name: 'step' }, type: { dtype: 'i32', shape: [] } });
    return this.stepInput;
  }
}
