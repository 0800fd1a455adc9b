import type { Range } from 'vscode-languageserver';
import { inlineFigure } from '../figures/figure.js';
import { PAGE_STYLE } from '../figures/style.js';
import type { Analysis } from '../language/analysis.js';
import type { DocumentPlan } from '../language/document-plan.js';
import { planText } from '../language/hover.js';
import { planPicture } from '../language/plan-picture.js';
import { toRange } from './positions.js';

/** The request for what an editor shows of a plan beside the text; null where there is no plan. */
export const PLAN_VIEW_REQUEST = 'ampc/planView';

export interface PlanViewParams {
  readonly uri: string;
  /** Letters and digits that nobody can guess: scripts with them may run in the page, and no others. */
  readonly nonce: string;
}

export interface PlanView {
  /** A page that loads nothing, for a web view: a click on a layer posts its name. */
  readonly html: string;
  /** Where the text makes each layer; what files that it uses make is left out. */
  readonly layers: Readonly<Record<string, Range>>;
}

/** The title of a layer begins with its name. */
const SCRIPT = `
  const editor = globalThis.acquireVsCodeApi?.() ?? window.parent;
  for (const title of document.querySelectorAll('svg g > title')) {
    title.parentElement.style.cursor = 'pointer';
    title.parentElement.addEventListener('click', () => editor.postMessage(title.textContent.split(': ')[0]));
  }
`;

function page(document: DocumentPlan, nonce: string): string {
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  const picture = planPicture(document.plan);
  const shown = picture === undefined ? '<p>It has more layers than can be drawn.</p>' : inlineFigure(picture).markup;
  return [
    `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">`,
    `<style>${PAGE_STYLE}</style></head><body><p class="note">${planText(document)}</p>${shown}`,
    `<script nonce="${nonce}">${SCRIPT}</script></body></html>`,
  ].join('\n');
}

export function planView(analysis: Analysis, document: DocumentPlan, nonce: string): PlanView {
  const layers: Record<string, Range> = {};
  for (const { path, stage } of [...analysis.stages.values()].flat()) {
    const { source, span } = analysis.locate(stage.span);
    if (path !== '' && stage.kind === 'stage' && source.path === analysis.source.path) layers[path] ??= toRange(analysis.lines, span);
  }
  return { html: page(document, nonce.replace(/\W/g, '')), layers };
}
