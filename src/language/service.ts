import { type Diagnostic, type Source, UserError } from '../diagnostics/diagnostic.js';
import type { CostTable } from '../plan/cost-table.js';
import { defaultTarget, type PlanTarget } from '../plan/target.js';
import { Analysis } from './analysis.js';
import { type DocumentPlan, planDocument, programKey } from './document-plan.js';

/** What a plan is made for. */
export interface Machine {
  readonly target: PlanTarget;
  readonly costs?: CostTable | undefined;
}

/** What the service takes from what it runs in: an editor's server, a browser, a command. */
export interface ServiceHost {
  /** Lets everything else that waits go first. */
  readonly breathe: () => Promise<void>;
  machine(): Promise<Machine>;
}

/** The plan of a text, or why there is none. */
export interface Planned {
  readonly plan: DocumentPlan | undefined;
  /** What planning found: a backend that lacks a format, pins that change nothing. */
  readonly diagnostics: readonly Diagnostic[];
}

interface Document {
  readonly source: Source;
  readonly analysis: Analysis;
  planned: Promise<Planned> | undefined;
  readonly stop: AbortController;
  /** The last plan of the document, also of an earlier text: hints show it while that has mistakes. */
  last: { readonly key: string; readonly planned: Planned } | undefined;
}

const NOTHING: Planned = { plan: undefined, diagnostics: [] };

/** What is known of documents that change: each is analysed once for each text, and planned again only where its program differs. */
export class LanguageService {
  private readonly documents = new Map<string, Document>();
  /** How often something was found out anew, for whoever wants to know what a change costs. */
  readonly work = { analyses: 0, plans: 0 };

  constructor(private readonly host: ServiceHost) {}

  get names(): readonly string[] {
    return [...this.documents.keys()];
  }

  /** Takes the text of a document. What was being found out about the one before is left. */
  update(name: string, source: Source): Analysis {
    const before = this.documents.get(name);
    if (before !== undefined && isSame(before.source, source)) return before.analysis;
    return this.analyse(name, source, before);
  }

  /** Reads anew what a document uses, where that stands in files: they may have changed. Its last plan is kept until it has another. */
  reread(name: string): void {
    const before = this.documents.get(name);
    if (before?.analysis.parsed.file.sections.some(({ kind }) => kind === 'use') === true) this.analyse(name, before.source, before);
  }

  private analyse(name: string, source: Source, before: Document | undefined): Analysis {
    before?.stop.abort(new Error('the text has changed'));
    this.work.analyses++;
    const document = { source, analysis: new Analysis(source), planned: undefined, stop: new AbortController(), last: before?.last };
    this.documents.set(name, document);
    return document.analysis;
  }

  close(name: string): void {
    this.documents.get(name)?.stop.abort(new Error('the document is closed'));
    this.documents.delete(name);
  }

  analysis(name: string): Analysis | undefined {
    return this.documents.get(name)?.analysis;
  }

  /** The plan of a document's text as it is now. Rejects when that changes in the meantime. */
  plan(name: string): Promise<Planned> {
    const document = this.documents.get(name);
    if (document === undefined) return Promise.resolve(NOTHING);
    document.planned ??= this.makePlan(document);
    return document.planned;
  }

  /** The plan as it is now, or as it was when the text last had one. */
  latestPlan(name: string): DocumentPlan | undefined {
    return this.documents.get(name)?.last?.planned.plan;
  }

  private async makePlan(document: Document): Promise<Planned> {
    const { analysis, stop } = document;
    const { signal } = stop;
    await this.host.breathe();
    signal.throwIfAborted();
    const { program } = analysis;
    if (program === undefined) return NOTHING;
    const { target, costs } = await this.host.machine();
    const key = `${programKey(program, target)} ${costs === undefined ? '' : JSON.stringify(costs.machine)}`;
    if (document.last?.key === key) return document.last.planned;
    this.work.plans++;
    try {
      const plan = await planDocument(program, { target, costs, breathe: this.host.breathe, signal });
      document.last = { key, planned: { plan, diagnostics: analysis.hints } };
      return document.last.planned;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { plan: undefined, diagnostics: error.diagnostics };
    }
  }
}

function isSame(a: Source, b: Source): boolean {
  return a.text === b.text && a.path === b.path && JSON.stringify(a.used ?? []) === JSON.stringify(b.used ?? []);
}

/** A host that plans for a backend as it is without a device at hand. */
export function plainHost(breathe: () => Promise<void>, backend = 'cpu'): ServiceHost {
  return { breathe, machine: () => Promise.resolve({ target: defaultTarget(backend) }) };
}

/** A service for what asks for mistakes alone, or plans for a backend as it is without a device at hand. */
export function plainService(backend = 'cpu'): LanguageService {
  return new LanguageService(plainHost(() => new Promise((resolve) => setTimeout(resolve)), backend));
}
