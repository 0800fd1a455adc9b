import { isDatasetName } from '../datasets/registry.js';
import type { Span } from '../diagnostics/diagnostic.js';
import { FILE_SOURCES } from '../lower/choices/source.js';
import { DATASET_PROPERTIES } from '../lower/dataset-properties.js';
import { PROPERTIES } from '../lower/properties.js';
import type { StageTrace } from '../lower/trace.js';
import { formatBytes } from '../numeric/bytes.js';
import { INITIALIZERS } from '../ops/initializers.js';
import { tokenEnd } from '../parser/tokens.js';
import type { LayerReport } from '../plan/report.js';
import type { Analysis } from './analysis.js';
import { describeParameter, type Parameter, parameterLine } from './arguments.js';
import { type Callable, callableOf, datasetDoc, functionCallable, SECTIONS, signatureText } from './catalogue.js';
import type { DocumentPlan } from './document-plan.js';
import { patternText } from './hover-patterns.js';
import { settingText } from './hover-settings.js';
import { isKeyword, KEYWORDS } from './keywords.js';
import type { Place } from './place.js';
import { parameterAt } from './signature.js';
import { flopText, formatName, MAX_LISTED, plural, resultText, timeText } from './units.js';

export interface Hover {
  /** What it is about. */
  readonly span: Span;
  /** Markdown. */
  readonly text: string;
}

/** What is known of the word at an offset: of a layer what the plan does with it, of a setting its meaning. */
export function hoverAt(analysis: Analysis, plan: DocumentPlan | undefined, offset: number): Hover | undefined {
  const place = analysis.placeAt(offset);
  const text = place && describe(place, analysis, plan);
  if (place !== undefined && text !== undefined) return { span: place.span, text };
  return sectionHover(analysis, offset) ?? wordHover(analysis, offset);
}

/** What is said of a word by where it stands, and of a word of the language by itself. */
function wordHover(analysis: Analysis, offset: number): Hover | undefined {
  const token = analysis.parsed.tokens.find((one) => one.startOffset <= offset && offset < tokenEnd(one));
  if (token === undefined || !/^[\w"]/.test(token.image)) return undefined;
  const span = { start: token.startOffset, end: tokenEnd(token) };
  const param = parameterAt(analysis, offset);
  if (param !== undefined) return { span, text: parameterText(param) };
  const { image } = token;
  if (Object.hasOwn(SECTIONS, image)) return { span, text: `**${image}**: ${SECTIONS[image]}` };
  return isKeyword(image) ? { span, text: `**${image}**: ${KEYWORDS[image]}` } : undefined;
}

function sectionHover({ parsed }: Analysis, offset: number): Hover | undefined {
  for (const { kind, span } of parsed.file.sections) {
    const head = { start: span.start, end: span.start + kind.length };
    if (head.start <= offset && offset <= head.end) return { span: head, text: `**${kind}**: ${SECTIONS[kind]}` };
  }
  return undefined;
}

function describe(place: Place, analysis: Analysis, plan: DocumentPlan | undefined): string | undefined {
  switch (place.kind) {
    case 'stage':
      return stageText(place.stage.callee.text, place.stage.span.start, analysis, plan);
    case 'repeat':
      return tracesText(analysis.stages.get(place.stage.span.start) ?? [], plan);
    case 'function':
      return callableText(callableOf({ kind: 'callee', name: place.call.callee.text, isStage: false }, analysis.blocks));
    case 'argument': {
      const param = callableOf(place.owner, analysis.blocks)?.params.find(({ name }) => name === place.name);
      return param && parameterText(param);
    }
    case 'property':
      return PROPERTIES[place.name] ?? (DATASET_PROPERTIES as Readonly<Record<string, string>>)[place.name];
    case 'setting':
      return settingText(place, analysis, plan);
    case 'word':
      return callableText(callableOf({ kind: 'setting', section: place.section, setting: place.setting, word: place.name }, new Map()));
    case 'format':
      return callableText(callableOf({ kind: 'setting', section: 'precision', setting: 'compute', word: place.name }, new Map()));
    case 'pattern':
      return patternText(place, analysis, plan);
    case 'dataset':
      if (isDatasetName(place.name)) return `**${place.name}**: ${datasetDoc(place.name)}`;
      return Object.hasOwn(FILE_SOURCES, place.name)
        ? `**${place.name}**: ${FILE_SOURCES[place.name as keyof typeof FILE_SOURCES].doc}`
        : undefined;
    case 'block':
      return callableText(callableOf({ kind: 'callee', name: place.name, isStage: true }, analysis.blocks));
    case 'model':
      return modelText(place.name, plan);
    case 'label':
      return labelText(place.name, place.span, analysis, plan);
    case 'name':
      return nameText(place.name.text, place.span, analysis);
    case 'keyword':
      return `**${place.name}**: ${KEYWORDS[place.name]}`;
    case 'path':
      return usedText(place, analysis);
  }
}

function callableText(callable: Callable | undefined): string | undefined {
  return (
    callable &&
    [`\`\`\`amp\n${signatureText(callable)}\n\`\`\``, callable.doc, callable.params.map(parameterLine).join('\n')]
      .filter((part) => part !== '')
      .join('\n\n')
  );
}

function parameterText(param: Parameter): string {
  return `**${param.name}**: ${param.doc}\n\n${describeParameter(param, '`')}`;
}

function stageText(name: string, start: number, analysis: Analysis, plan: DocumentPlan | undefined): string | undefined {
  const said = callableText(callableOf({ kind: 'callee', name, isStage: true }, analysis.blocks));
  // What is true of this layer alone stands first: editors cut long texts off.
  const traces = tracesText(analysis.stages.get(start) ?? [], plan);
  return [traces, said].filter((part) => part !== undefined).join('\n\n---\n\n') || undefined;
}

/** The blocks that a file brings which is used. */
function usedText({ path, span }: Extract<Place, { readonly kind: 'path' }>, analysis: Analysis): string | undefined {
  const from = analysis.fileOf(span);
  if (from === undefined) return undefined;
  const brought = [...analysis.blocks].filter(([, { name }]) => analysis.locate(name.span).source.path === from.path);
  const calls = brought.map(([name]) => signatureText(callableOf({ kind: 'callee', name, isStage: true }, analysis.blocks)!));
  return [`**${path}**`, ...calls.map((call) => `- \`${call}\``)].join('\n');
}

/** What a name names: the layer beside it, with what the plan does there. */
function labelText(name: string, { start }: Span, analysis: Analysis, plan: DocumentPlan | undefined): string {
  const named = analysis.places.find((place) => 'stage' in place && 'label' in place.stage && place.stage.label?.span.start === start);
  const traces = named !== undefined && 'stage' in named ? (analysis.stages.get(named.stage.span.start) ?? []) : [];
  const said = `the layer’s name, and with it that of its weights: \`${name}\``;
  return [tracesText(traces, plan), said].filter((part) => part !== undefined).join('\n\n---\n\n');
}

/** Each application, up to so many. */
function tracesText(traces: readonly StageTrace[], plan: DocumentPlan | undefined): string | undefined {
  if (traces.length === 0) return undefined;
  const shown = traces.slice(0, MAX_LISTED).map((trace) => traceText(trace, plan));
  const more = traces.length - shown.length;
  return [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n\n');
}

function formatsText({ reads, gradient }: LayerReport): string {
  const read = reads.map(formatName).join(', ') || 'no floats';
  return `reads ${read}${gradient === null ? '' : `; its gradient is ${formatName(gradient)}`}`;
}

function traceText({ path, shape }: StageTrace, plan: DocumentPlan | undefined): string {
  const facts = plan?.at(path);
  const head = `**${path === '' ? 'result' : path}** ${resultText(shape, facts?.result)}`;
  if (facts === undefined) return head;
  const { reports, casts, parameters } = facts;
  const sum = (of: (report: (typeof reports)[number]) => number) => reports.reduce((total, report) => total + of(report), 0);
  const flops = sum((report) => report.flops);
  const saved = sum((report) => report.savedBytes);
  const isTimed = reports.length > 0 && reports.every(({ ms }) => ms !== null);
  const [only] = reports.length === 1 ? reports : [];
  const cost = [
    parameters > 0 && plural(parameters, 'parameter'),
    flops > 0 && `${flopText(flops)} a step`,
    saved > 0 && `keeps ${formatBytes(saved)} for the backward pass`,
    isTimed && `${timeText(sum(({ ms }) => ms ?? 0))} a step`,
  ].filter((part) => part !== false);
  const lines = [
    cost.join(', '),
    only && formatsText(only),
    only?.why,
    ...casts
      .slice(0, MAX_LISTED)
      .map(
        ({ value, from, to, bytesMoved, why }) =>
          `⇄ ${value}: ${formatName(from)} to ${formatName(to)}${bytesMoved === 0 ? '' : `, ${formatBytes(bytesMoved)}`} (${why})`,
      ),
  ].filter((line) => line !== undefined && line !== '');
  return [head, ...lines.map((line) => `- ${line}`)].join('\n');
}

export function planText(plan: DocumentPlan): string {
  const { parameters, memory, times } = plan;
  const parts = [
    plural(parameters, 'parameter'),
    `${formatBytes(memory.total)} of states and values`,
    times && `${timeText(times.stepMs)} a step`,
  ];
  return parts.filter((part) => part !== undefined).join(' · ');
}

function modelText(name: string, plan: DocumentPlan | undefined): string {
  if (plan === undefined) return `**${name}**: ${SECTIONS.model}`;
  const { policy, precision, target } = plan.plan;
  return [
    `**${name}**: ${planText(plan)} (\`ampc plan\` adds what kernels need besides)`,
    `${policy}, ${formatName(precision)}, planned for ${target.backend}`,
  ].join('\n\n');
}

function nameText(name: string, span: Span, analysis: Analysis): string | undefined {
  const thing = analysis.symbols.at(span);
  if (thing === undefined) return Object.hasOwn(INITIALIZERS, name) ? callableText(functionCallable(name)) : undefined;
  const { source, span: at } = analysis.locate(thing.definition);
  const line = source.text
    .slice(source.text.lastIndexOf('\n', at.start) + 1)
    .split(/[\r\n]/, 1)[0]!
    .trim();
  return `\`\`\`amp\n${line}\n\`\`\`${source.path === analysis.source.path ? '' : `\n\n\`${name}\` of ${source.path}`}`;
}
