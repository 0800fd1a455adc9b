import { closest } from '../diagnostics/suggest.js';
import { matchesGlob, matchesLayer } from '../ir/pattern.js';
import { isCast, isState } from '../ir/structure.js';
import type { DType, Node } from '../ir/types.js';
import { elementCount, isFloat } from '../ir/types.js';
import { formatWhy, whyText } from '../ir/why.js';
import { formatBytes, parseBytes } from '../numeric/bytes.js';
import { isOpName, OPS } from '../ops/index.js';
import { ruleOf } from '../precision/rules.js';
import { castFacts, phaseOf, readersOf, scalingFact, trainStep, valueLabel } from './facts.js';
import { footprint } from './footprint.js';
import type { FunctionName, Plan, PlanFunction } from './plan.js';
import type {
  Bounds,
  CastsProperty,
  FormatProperty,
  MemoryProperty,
  NoCastProperty,
  OneOrMore,
  ParametersProperty,
  PlanProperty,
  ScalingProperty,
  Selection,
} from './property.js';
import { readFormats } from './report.js';
import { isDeclaration } from './storage.js';

/** A plan to be asked, with the plan of the same file in fp32 for comparisons of memory. */
export interface Subject {
  readonly plan: Plan;
  readonly fp32: () => Plan;
}

function many<T>(value: OneOrMore<T>): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function functionOf(plan: Plan, name: FunctionName | undefined): PlanFunction | undefined {
  return name === undefined ? trainStep(plan) : plan.functions.find((fn) => fn.name === name);
}

function matches(node: Node, { op, layer, phase }: Selection): boolean {
  if (op !== undefined && !many(op).includes(node.op)) return false;
  if (layer !== undefined && !many(layer).some((pattern) => matchesLayer(pattern, node.layer))) return false;
  return phase === undefined || phaseOf(node) === phase;
}

function select(fn: PlanFunction, selection: Selection): readonly Node[] {
  return fn.graph.nodes.filter((node) => !isCast(node) && !isDeclaration(node) && matches(node, selection));
}

/** A layer, an op or a value that the file does not have: a bound on how often it occurs would hold for ever. */
function unknownName({ functions }: Plan, { op = [], layer = [] }: Selection, of: string | undefined): string | undefined {
  const nodes = functions.flatMap(({ graph }) => graph.nodes);
  const near = (name: string, known: readonly string[]) => {
    const found = closest(name, known);
    return found === undefined ? '' : `: did you mean \`${found}\`?`;
  };
  const layers = [...new Set(nodes.map((node) => node.layer))].filter((name) => name !== '');
  const noLayer = many(layer).find((pattern) => !layers.some((name) => matchesLayer(pattern, name)));
  const some = `: it has ${layers.slice(0, 12).join(', ')}${layers.length > 12 ? ', …' : ''}`;
  if (noLayer !== undefined) return `the plan has no layer \`${noLayer}\`${near(noLayer, layers) || some}`;
  const noOp = many(op).find((name) => !isOpName(name));
  if (noOp !== undefined) return `there is no op \`${noOp}\`${near(noOp, Object.keys(OPS))}`;
  if (of === undefined || of.includes('*')) return undefined;
  const values = [...new Set(functions.flatMap(({ graph }) => graph.nodes.map(({ id }) => valueLabel(graph, id))))];
  return values.includes(of) ? undefined : `the plan has no value \`${of}\`${near(of, values)}`;
}

function describe(fn: PlanFunction, node: Node): string {
  const role = node.gradOf === undefined ? '' : `, ${valueLabel(fn.graph, node.id)}`;
  const place = node.loc === undefined ? '' : ` at ${node.loc.line}:${node.loc.column}`;
  return `${node.op}${node.layer === '' ? '' : ` of ${node.layer}`}${role}${place}`;
}

function outside(count: number, { at_least, at_most, exactly }: Bounds): string | undefined {
  if (exactly !== undefined && count !== exactly) return `there are ${count}, not ${exactly}`;
  if (at_most !== undefined && count > at_most) return `there are ${count}, more than ${at_most}`;
  if (at_least !== undefined && count < at_least) return `there are ${count}, fewer than ${at_least}`;
  return undefined;
}

function formatProblems(fn: PlanFunction, property: FormatProperty): string | undefined {
  const nodes = select(fn, property).filter((node) => isFloat(node.type.dtype));
  if (nodes.length === 0) return 'it matches no op of the plan';
  for (const node of nodes) {
    const because = node.why === undefined ? '' : ` (${formatWhy(node.why)})`;
    if (property.is !== undefined && node.type.dtype !== property.is)
      return `${describe(fn, node)} is ${node.type.dtype}, not ${property.is}${because}`;
    if (property.reads !== undefined) {
      const found = readFormats(fn, node);
      const wanted = Array.isArray(property.reads) ? (property.reads as readonly DType[]) : found.map(() => property.reads as DType);
      // An op without a bias reads one operand less.
      if (found.some((dtype, index) => dtype !== wanted[index]))
        return `${describe(fn, node)} reads ${found.join(', ')}, not ${wanted.join(', ')}${because}`;
    }
    if (property.rule !== undefined && ruleOf(node) !== property.rule)
      return `${describe(fn, node)} is decided by ${ruleOf(node)}, not ${property.rule}${because}`;
  }
  return undefined;
}

function castProblems(fn: PlanFunction, property: CastsProperty): string | undefined {
  const { of, to } = property;
  const found = castFacts(fn).filter(
    ({ node, value }) =>
      matches(node, { ...property, op: undefined }) &&
      (of === undefined || matchesGlob(of, value)) &&
      (to === undefined || node.type.dtype === to),
  );
  const problem = outside(found.length, property);
  if (problem === undefined) return undefined;
  const listed = found.slice(0, 12).map(({ node, value }) => `${value} to ${node.type.dtype} (${whyText(node)})`);
  return `${problem}${listed.length > 0 ? `: ${listed.join('; ')}` : ''}`;
}

/** Everything that can be reached from `start` along `next`. */
function closure(start: readonly Node[], next: (node: Node) => readonly Node[]): Set<Node> {
  const seen = new Set(start);
  const queue = [...start];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const other of next(node)) {
      if (seen.has(other)) continue;
      seen.add(other);
      queue.push(other);
    }
  }
  return seen;
}

function pathProblems(fn: PlanFunction, { from, to, phase = 'forward' }: NoCastProperty): string | undefined {
  const { graph } = fn;
  const readers = readersOf(graph);
  const inPhase = (node: Node) => phaseOf(node) === phase && !isDeclaration(node);
  const sources = select(fn, { layer: from, phase });
  const targets = select(fn, { layer: to, phase });
  if (sources.length === 0 || targets.length === 0) return `the ${phase} pass has no layer \`${sources.length === 0 ? from : to}\``;
  const after = closure(sources, (node) => (readers.get(node.id) ?? []).filter(inPhase));
  const before = closure(targets, (node) => node.inputs.map((id) => graph.nodes[id]!).filter(inPhase));
  const path = [...after].filter((node) => before.has(node));
  if (path.length === 0) return `no ${phase} path leads from ${from} to ${to}`;
  const cast = path.sort((a, b) => a.id - b.id).find(isCast);
  return cast && `${valueLabel(graph, cast.inputs[0]!)} is cast to ${cast.type.dtype} on the way (${whyText(cast)})`;
}

function memoryProblems({ plan, fp32 }: Subject, { of = 'total', at_most }: MemoryProperty): string | undefined {
  const found = footprint(plan)[of];
  const share = typeof at_most === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*% of fp32\s*$/.exec(at_most) : null;
  const limit = share !== null ? (footprint(fp32())[of] * Number(share[1])) / 100 : parseBytes(String(at_most));
  if (limit === undefined) return `\`${at_most}\` is no amount of memory: write 40 MB, 40 MiB or 60 % of fp32`;
  return found <= limit
    ? undefined
    : `${of === 'total' ? 'training holds' : `${of} take`} ${formatBytes(found)}, more than ${formatBytes(limit)}`;
}

function scalingProblems(plan: Plan, property: ScalingProperty): string | undefined {
  const { kind, init, constants } = scalingFact(plan);
  const found: Readonly<Record<string, string | number | undefined>> = { kind, init, ...constants };
  for (const [name, wanted] of Object.entries(property)) {
    if (found[name] !== wanted) return `${name} is ${found[name] ?? 'not there'}, not ${wanted}`;
  }
  return undefined;
}

function parametersOf(fn: PlanFunction, property: ParametersProperty): number {
  const states = fn.graph.nodes.filter((node) => isState(node) && node.attrs.role === 'parameter' && matches(node, property));
  return states.reduce((sum, { type }) => sum + elementCount(type.shape), 0);
}

/** What is wrong with one property of a plan; undefined when it holds. */
export function planProblem(property: PlanProperty, subject: Subject): string | undefined {
  const { format, casts, no_cast: path, memory, scaling, count, parameters } = property;
  const name = (format ?? casts ?? path ?? count)?.function;
  const fn = functionOf(subject.plan, name);
  if (fn === undefined) return `the plan has no ${name}`;
  const unknown = unknownName(
    subject.plan,
    format ?? casts ?? count ?? parameters ?? (path && { layer: [path.from, path.to] }) ?? {},
    casts?.of,
  );
  if (unknown !== undefined) return unknown;
  if (format !== undefined) return formatProblems(fn, format);
  if (casts !== undefined) return castProblems(fn, casts);
  if (path !== undefined) return pathProblems(fn, path);
  if (memory !== undefined) return memoryProblems(subject, memory);
  if (scaling !== undefined) return scalingProblems(subject.plan, scaling);
  if (count !== undefined) return outside(select(fn, count).length, count);
  if (parameters !== undefined) return outside(parametersOf(fn, parameters), parameters);
  return undefined;
}
