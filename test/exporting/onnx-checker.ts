import { type OnnxGraph, type OnnxModel, TENSOR_TYPES } from '../../src/interchange/onnx/schema.js';

type Signature = readonly [least: number, most: number, attributes?: readonly string[]];

const CONVOLUTION = ['kernel_shape', 'strides', 'pads', 'dilations', 'group'];
const POOL = ['kernel_shape', 'strides', 'pads'];

/** How many operands ONNX's operators take, and their attributes, as the specification of opset 22 has them: of those that are written. */
const OPERATORS: Readonly<Record<string, Signature>> = {
  Abs: [1, 1],
  Add: [2, 2],
  AveragePool: [1, 1, [...POOL, 'count_include_pad']],
  BatchNormalization: [5, 5, ['epsilon']],
  Cast: [1, 1, ['to', 'saturate']],
  Concat: [1, 100, ['axis']],
  Conv: [2, 3, CONVOLUTION],
  ConvTranspose: [2, 3, [...CONVOLUTION, 'output_padding']],
  Div: [2, 2],
  Elu: [1, 1, ['alpha']],
  Exp: [1, 1],
  Expand: [2, 2],
  Gelu: [1, 1, ['approximate']],
  Gemm: [2, 3],
  GlobalAveragePool: [1, 1],
  Greater: [2, 2],
  HardSigmoid: [1, 1, ['alpha', 'beta']],
  HardSwish: [1, 1],
  Identity: [1, 1],
  LayerNormalization: [2, 3, ['axis', 'epsilon']],
  LeakyRelu: [1, 1, ['alpha']],
  Log: [1, 1],
  LogSoftmax: [1, 1, ['axis']],
  MatMul: [2, 2],
  Max: [1, 100],
  MaxPool: [1, 1, POOL],
  Min: [1, 100],
  Mish: [1, 1],
  Mul: [2, 2],
  Pad: [2, 4, ['mode']],
  Pow: [2, 2],
  Reciprocal: [1, 1],
  ReduceMax: [1, 2, ['keepdims']],
  ReduceMean: [1, 2, ['keepdims']],
  ReduceSum: [1, 2, ['keepdims']],
  Relu: [1, 1],
  Reshape: [2, 2],
  Resize: [1, 4, ['mode', 'coordinate_transformation_mode', 'nearest_mode']],
  Shape: [1, 1, ['start', 'end']],
  Sigmoid: [1, 1],
  Slice: [3, 5],
  Softmax: [1, 1, ['axis']],
  Softplus: [1, 1],
  Softsign: [1, 1],
  Sqrt: [1, 1],
  Sub: [2, 2],
  Tanh: [1, 1],
  Transpose: [1, 1, ['perm']],
  Where: [3, 3],
};

const BYTES: Readonly<Record<number, number>> = {
  [TENSOR_TYPES.float]: 4,
  [TENSOR_TYPES.float16]: 2,
  [TENSOR_TYPES.bfloat16]: 2,
  [TENSOR_TYPES.float8e4m3fn]: 1,
  [TENSOR_TYPES.float8e5m2]: 1,
  [TENSOR_TYPES.int64]: 8,
};

function graphMistakes({ node = [], initializer = [], input = [], output = [] }: OnnxGraph): string[] {
  const mistakes: string[] = [];
  const known = new Set<string>();
  const define = (name: string | undefined) => {
    if (name === undefined || name === '') mistakes.push('a value without a name');
    else if (known.has(name)) mistakes.push(`${name} is defined twice`);
    else known.add(name);
  };
  for (const { name } of input) define(name);
  for (const { name, dims = [], dataType, rawData } of initializer) {
    define(name);
    const size = dims.reduce((count, dim) => count * dim, 1) * (BYTES[dataType!] ?? Number.NaN);
    if (rawData?.length !== size) mistakes.push(`${name} has ${rawData?.length} bytes, not ${size}`);
  }
  const names = new Set<string>();
  for (const { opType, name, input: operands = [], output: results = [], attribute = [] } of node) {
    if (names.has(name!)) mistakes.push(`two nodes are called ${name}`);
    names.add(name!);
    const signature = OPERATORS[opType!];
    if (signature === undefined) {
      mistakes.push(`${opType} is no operator`);
      continue;
    }
    const [least, most, attributes = []] = signature;
    if (operands.length < least || operands.length > most) mistakes.push(`${name} has ${operands.length} operands`);
    for (const operand of operands) if (operand !== '' && !known.has(operand)) mistakes.push(`${name} reads ${operand} before it is there`);
    for (const { name: of, type } of attribute)
      if (!attributes.includes(of!) || type === undefined) mistakes.push(`${name} has the attribute ${of}`);
    if (results.length !== 1) mistakes.push(`${name} has ${results.length} results`);
    for (const result of results) define(result);
  }
  for (const { name } of output) if (!known.has(name!)) mistakes.push(`the output ${name} is not there`);
  return mistakes;
}

/** What is wrong with the form of a model that ampc wrote. */
export function mistakesOf({ irVersion, opsetImport, graph }: OnnxModel): readonly string[] {
  const mistakes = graph === undefined ? ['it has no graph'] : graphMistakes(graph);
  if (irVersion === undefined) mistakes.push('it has no version');
  if (opsetImport?.length !== 1 || opsetImport[0]!.version === undefined) mistakes.push('it names no set of operators');
  return mistakes;
}
