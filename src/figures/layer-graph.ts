import { Graph, layout } from '@dagrejs/dagre';
import { line } from 'd3-shape';
import type { DType } from '../ir/types.js';
import { type Figure, group, text } from './figure.js';
import { type Child, element, type Markup } from './markup.js';
import { FORMAT_COLOURS } from './style.js';

/** A layer in the picture of a plan. */
export interface DrawnLayer {
  readonly name: string;
  /** Its op, and the shape of its result. */
  readonly what: string;
  readonly format: DType;
  /** Of the gradient that goes on to the layer before; left out of what is no layer. */
  readonly gradient?: DType | null;
  /** Why it has its format. */
  readonly why: string;
}

/** That a layer reads what another makes; `cast`: from format to format, and how many bytes move. */
export interface DrawnEdge {
  readonly from: string;
  readonly to: string;
  readonly cast?: { readonly from: DType; readonly to: DType; readonly bytes: number };
}

/** What a picture says of itself. */
export interface GraphWords {
  readonly title: string;
  /** Behind the formats, what the marks mean. */
  readonly key: string;
}

const OF_LAYERS: GraphWords = { title: 'Layers and their formats', key: 'left: result; right: gradient; diamond: cast' };

const HEIGHT = 40;
const PADDING = 14;
/** Beyond so many layers a layout takes too long, and nobody reads it. */
export const MOST_LAYERS = 400;

export interface PlacedEdge {
  readonly points?: readonly { readonly x: number; readonly y: number }[];
}

const widthOf = ({ name, what }: DrawnLayer): number => 36 + 7 * Math.max(name.length, what.length);

function drawLayer(layer: DrawnLayer, x: number, y: number): Markup {
  const width = widthOf(layer);
  const gradient = layer.gradient === undefined ? '' : layer.gradient === null ? ', no gradient goes on' : `, gradient ${layer.gradient}`;
  return group(x - width / 2, y - HEIGHT / 2, [
    element('title', {}, `${layer.name}: ${layer.format}${gradient}. ${layer.why}`),
    element('rect', { width, height: HEIGHT, rx: 5, class: 'box' }),
    element('rect', { width: 7, height: HEIGHT, rx: 3, class: `fill-${FORMAT_COLOURS[layer.format]}` }),
    layer.gradient === null || layer.gradient === undefined
      ? undefined
      : element('rect', { x: width - 7, width: 7, height: HEIGHT, rx: 3, class: `fill-${FORMAT_COLOURS[layer.gradient]}` }),
    text(14, 17, layer.name, 'strong'),
    text(14, 32, layer.what, 'faint-text'),
  ]);
}

function drawEdge({ cast }: DrawnEdge, { points = [] }: PlacedEdge, formatBytes: (bytes: number) => string): Markup {
  const path = line<{ x: number; y: number }>()
    .x((point) => point.x)
    .y((point) => point.y)
    .digits(1)([...points]);
  const middle = points[Math.floor(points.length / 2)];
  const children: Child[] = [element('path', { d: path ?? '', class: cast === undefined ? 'grid' : 'curve stroke-faint' })];
  if (cast !== undefined && middle !== undefined) {
    const { x, y } = middle;
    children.push(
      element('title', {}, `cast from ${cast.from} to ${cast.to}, ${formatBytes(cast.bytes)} a step`),
      element('path', { d: `M${x - 6} ${y}l6 -6l6 6l-6 6Z`, class: `fill-${FORMAT_COLOURS[cast.to]}` }),
      text(x + 10, y + 4, `${cast.from} → ${cast.to}, ${formatBytes(cast.bytes)}`, 'faint-text'),
    );
  }
  return element('g', {}, ...children);
}

/** The formats that occur, each with its colour. */
function key(layers: readonly DrawnLayer[], meaning: string): { readonly markup: readonly Child[]; readonly width: number } {
  const formats = [
    ...new Set(layers.flatMap(({ format, gradient }) => (gradient === null || gradient === undefined ? [format] : [format, gradient]))),
  ];
  const markup = [
    ...formats.flatMap((format, index): readonly Child[] => [
      element('rect', { x: index * 80, y: -10, width: 12, height: 12, rx: 2, class: `fill-${FORMAT_COLOURS[format]}` }),
      text(index * 80 + 17, 0, format),
    ]),
    text(formats.length * 80, 0, meaning, 'faint-text'),
  ];
  return { markup, width: formats.length * 80 + 6 * meaning.length };
}

/** Layers from top to bottom, formats in colour, casts as diamonds; undefined beyond `MOST_LAYERS`. */
export function layerGraph(
  layers: readonly DrawnLayer[],
  edges: readonly DrawnEdge[],
  formatBytes: (bytes: number) => string,
  words = OF_LAYERS,
): Figure | undefined {
  if (layers.length === 0 || layers.length > MOST_LAYERS) return undefined;
  const graph = new Graph();
  graph.setGraph({ rankdir: 'TB', ranksep: 34, nodesep: 28, marginx: PADDING, marginy: PADDING });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const layer of layers) graph.setNode(layer.name, { width: widthOf(layer), height: HEIGHT });
  for (const { from, to, cast } of edges) graph.setEdge(from, to, cast === undefined ? {} : { width: 150, height: 14, labelpos: 'r' });
  layout(graph);
  const placed = layers.map((layer) => ({ layer, at: graph.node(layer.name) as { x: number; y: number } }));
  const right = placed.reduce((most, { layer, at }) => Math.max(most, at.x + widthOf(layer) / 2), 0);
  const lines = edges.map((edge) => ({ edge, at: graph.edge(edge.from, edge.to) as PlacedEdge }));
  const labels = lines.flatMap(({ edge, at }) => (edge.cast === undefined ? [] : (at.points ?? []).map(({ x }) => x + 170)));
  const bottom = placed.reduce((most, { at }) => Math.max(most, at.y + HEIGHT / 2), 0);
  const keys = key(layers, words.key);
  const top = 26;
  return {
    title: words.title,
    width: Math.max(PADDING + keys.width, right + PADDING, ...labels),
    height: top + bottom + PADDING,
    content: group(0, top, [
      group(PADDING, -6, keys.markup),
      ...lines.map(({ edge, at }) => drawEdge(edge, at, formatBytes)),
      ...placed.map(({ layer, at }) => drawLayer(layer, at.x, at.y)),
    ]),
  };
}
