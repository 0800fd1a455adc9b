import type { Attr, Graph, Node, TensorType } from '../ir/types.js';
import { formatType, isFloat, sameShape } from '../ir/types.js';
import type { OpRules } from '../ir/validate.js';
import { isStorage } from '../numeric/formats.js';
import { opDefinition } from './index.js';
import { type AttrKind, matchOperands } from './op.js';

function isOfKind(value: Attr, kind: AttrKind): boolean {
  if (kind === 'numbers' || kind === 'strings') {
    return Array.isArray(value) && value.every((item) => typeof item === (kind === 'numbers' ? 'number' : 'string'));
  }
  return typeof value === kind;
}

/** What validation knows of ops: operand formats, attribute names, the result's format, and the shape rule. */
export const opRules: OpRules = {
  check(node: Node, graph: Graph): void {
    const op = opDefinition(node.op);
    const bug = (message: string): never => {
      throw new Error(`invalid graph ${graph.name}: %${node.id} ${node.op}: ${message}`);
    };
    const types = node.inputs.map((id) => graph.nodes[id].type);
    if (node.op !== 'cast') {
      const refuseStored = ({ dtype }: TensorType): void => {
        if (isStorage(dtype)) bug(`does nothing in ${dtype}: only casts read and make it`);
      };
      refuseStored(node.type);
      types.forEach(refuseStored);
    }
    if (matchOperands(op, types) === undefined) {
      const wanted = op.operands.map(
        (spec) => `${spec.name} ${spec.format}${spec.optional === true ? '?' : ''}${spec.variadic === true ? '...' : ''}`,
      );
      bug(`takes (${wanted.join(', ')}), not (${types.map(formatType).join(', ')})`);
    }
    for (const name in node.attrs) if (!Object.hasOwn(op.attrs, name)) bug(`has no attribute ${name}`);
    for (const name in op.attrs) {
      const spec = op.attrs[name]!;
      const value = node.attrs[name];
      if (value === undefined ? spec.optional !== true : !isOfKind(value, spec.kind)) {
        bug(value === undefined ? `lacks attribute ${name}` : `attribute ${name} is not of kind ${spec.kind}`);
      }
    }
    if (op.kind === 'source') return;
    const { dtype } = node.type;
    const wanted = op.result === 'first' ? types[0]!.dtype : op.result;
    if (wanted === 'class' || wanted === 'accumulator' ? !isFloat(dtype) : dtype !== wanted) bug(`cannot result in ${dtype}`);
    if (node.op === 'cast' && dtype !== node.attrs.to) bug(`results in ${dtype}, not ${String(node.attrs.to)}`);
    const shape = op.shape(types, node.attrs);
    if (!sameShape(shape, node.type.shape)) bug(`has shape [${node.type.shape.join(',')}], its rule says [${shape.join(',')}]`);
  },
};
