import { isState } from '../../ir/structure.js';
import type { TensorType } from '../../ir/types.js';
import { byteLength, elementCount, stringAttr } from '../../ir/types.js';
import type { Plan } from '../../plan/plan.js';
import { copiesOf, ownStates } from '../copies.js';
import { checkElements, type StateElements } from '../state-elements.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, INT32, RESOURCE } from './device.js';
import { flag, shapeAttr, text, type } from './op-attributes.js';
import { readVariable } from './update.js';

interface State {
  readonly type: TensorType;
  /** Handle of the resource variable; its elements have the state's format, or are int64 for an i32. */
  readonly variable: Tensor;
}

/** Names of variables are global in a process. */
let stores = 0;

/** The states of a plan as resource variables, zero at first. */
export class States {
  readonly bytes: number;
  /** Of all but copies. */
  readonly names: readonly string[];
  readonly #states = new Map<string, State>();
  readonly #copies: ReturnType<typeof copiesOf>;

  constructor(
    plan: Plan,
    private readonly tf: Calls,
  ) {
    stores += 1;
    let bytes = 0;
    this.#copies = copiesOf(plan);
    this.names = ownStates(plan);
    for (const node of plan.functions.flatMap(({ graph }) => graph.nodes)) {
      if (!isState(node)) continue;
      const name = stringAttr(node.attrs, 'name');
      if (this.#states.has(name)) continue;
      this.#states.set(name, { type: node.type, variable: this.#declare(name, node.type) });
      const zeros = elementCount(node.type.shape);
      this.#upload(name, node.type.dtype === 'i32' ? new Int32Array(zeros) : new Float32Array(zeros));
      bytes += byteLength(node.type);
    }
    this.bytes = bytes;
  }

  variable(name: string): Tensor {
    return this.#state(name).variable;
  }

  read(name: string): Tensor {
    const { type, variable } = this.#state(name);
    return readVariable(this.tf, variable, CODES[type.dtype]);
  }

  assign(name: string, value: Tensor): void {
    const { variable } = this.#state(name);
    const attrs = [type('dtype', value.dtype), flag('validate_shape', false)];
    this.tf.device.executeMany('AssignVariableOp', attrs, [variable, value], []);
  }

  /** Writes the elements, and the copies of the state. Throws a plain Error when they do not fit it. */
  upload(name: string, elements: StateElements): void {
    this.#upload(name, elements);
    for (const copy of this.#copies.get(name) ?? []) this.#upload(copy.name, elements);
  }

  download(name: string): StateElements {
    const { tf } = this;
    const isInteger = this.#state(name).type.dtype === 'i32';
    const value = tf.device.tidy(() => tf.cast(this.read(name), isInteger ? INT32 : CODES.f32));
    try {
      return tf.device.download(value) as StateElements;
    } finally {
      tf.device.release(value);
    }
  }

  dispose(): void {
    for (const { variable } of this.#states.values()) {
      this.tf.device.executeMany('DestroyResourceOp', [flag('ignore_lookup_error', true)], [variable], []);
      this.tf.device.release(variable);
    }
    this.#states.clear();
  }

  #upload(name: string, elements: StateElements): void {
    const { dtype, shape } = this.#state(name).type;
    checkElements(name, { dtype, shape }, elements);
    const { tf } = this;
    tf.device.tidyMany(() => {
      const uploaded = tf.device.upload(shape, dtype === 'i32' ? INT32 : CODES.f32, elements.slice());
      this.assign(name, tf.cast(uploaded, CODES[dtype]));
      return [];
    });
  }

  #declare(name: string, { dtype, shape }: TensorType): Tensor {
    const attrs = [
      text('container', ''),
      text('shared_name', `ampc${stores}/${name}`),
      type('dtype', CODES[dtype]),
      shapeAttr('shape', shape),
    ];
    return this.tf.device.execute('VarHandleOp', attrs, [], RESOURCE);
  }

  #state(name: string): State {
    const state = this.#states.get(name);
    if (state === undefined) throw new Error(`the plan has no state ${name}`);
    return state;
  }
}
