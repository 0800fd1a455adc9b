import { setImmediate as breathe } from 'node:timers/promises';
import type { Diagnostic as Shown } from 'vscode-languageserver';
import type { Diagnostic, Source } from '../diagnostics/diagnostic.js';
import type { Analysis } from '../language/analysis.js';
import type { DocumentPlan } from '../language/document-plan.js';
import { LanguageService } from '../language/service.js';
import { explainLayers } from '../plan/explain.js';
import { OpenDocuments } from './documents.js';
import { toShown } from './findings.js';
import { Machines } from './machine.js';
import { DEFAULT_SETTINGS, type EditorSettings } from './settings.js';

/** Where a session tells what it found. */
export interface Listener {
  publish(uri: string, version: number | undefined, diagnostics: Shown[]): void;
  /** The plan of a document is there: what is shown of it can be asked for again. */
  planned(): void;
  failed(error: unknown): void;
}

/** The documents of an editor, checked whenever one of them changes. */
export class Session {
  readonly documents = new OpenDocuments();
  readonly service: LanguageService;
  private readonly machines = new Machines();
  private readonly found = new Map<string, readonly Diagnostic[]>();
  /** Of what a document's findings were told. */
  private readonly shown = new Map<string, Analysis>();
  private waiting = false;
  settings: EditorSettings = DEFAULT_SETTINGS;
  /** Those of the workspace. */
  folders: readonly string[] = [];
  /** Where the editor finds a file. */
  readonly uriOf = (source: Source): string => this.documents.uriOf(source);

  constructor(private readonly listener: Listener) {
    this.service = new LanguageService({ breathe: () => breathe(), machine: () => this.machines.for(this.settings.backend) });
  }

  /** What a document says now; undefined where it is not open. */
  analysis(uri: string): Analysis | undefined {
    const source = this.documents.source(uri);
    return source && this.service.update(uri, source);
  }

  /** The plan of the text as it is now, or of the last one that had one. */
  plan(uri: string): DocumentPlan | undefined {
    return this.service.latestPlan(uri);
  }

  /** Resolves when the plan of a document's text is there, or will not be: there are mistakes, or the text has changed. */
  async planned(uri: string): Promise<void> {
    if (this.analysis(uri) !== undefined) await this.service.plan(uri).catch(() => {});
  }

  /** The findings about a document that are shown. */
  findings(uri: string): readonly Diagnostic[] {
    return this.found.get(uri) ?? this.analysis(uri)?.diagnostics ?? [];
  }

  /** Checks what has changed once all changes that have arrived are made: of several keystrokes the last. */
  changed(): void {
    if (this.waiting) return;
    this.waiting = true;
    setImmediate(() => {
      this.waiting = false;
      try {
        for (const { uri } of this.documents.all) this.check(uri);
      } catch (error) {
        this.listener.failed(error);
      }
    });
  }

  closed(uri: string): void {
    this.documents.close(uri);
    this.service.close(uri);
    this.found.delete(uri);
    this.shown.delete(uri);
    this.listener.publish(uri, undefined, []);
    this.changed();
  }

  private check(uri: string): void {
    const analysis = this.analysis(uri);
    if (analysis === undefined || analysis === this.shown.get(uri)) return;
    this.shown.set(uri, analysis);
    this.show(uri, analysis, analysis.diagnostics);
    void this.planAnew(uri, analysis);
  }

  /** Plans every open document again: for another backend. */
  replan(): void {
    for (const { uri } of this.documents.all) {
      this.service.close(uri);
      this.found.delete(uri);
    }
    this.changed();
  }

  /** Looks again at documents that use others: files have changed. */
  filesChanged(): void {
    for (const { uri } of this.documents.all) this.service.reread(uri);
    this.changed();
  }

  private async planAnew(uri: string, analysis: Analysis): Promise<void> {
    try {
      const { diagnostics } = await this.service.plan(uri);
      if (this.service.analysis(uri) !== analysis) return;
      if (diagnostics.length > 0) this.show(uri, analysis, [...analysis.diagnostics, ...diagnostics]);
      this.listener.planned();
    } catch (error) {
      // The text has changed in the meantime.
      if (this.service.analysis(uri) === analysis) this.listener.failed(error);
    }
  }

  private show(uri: string, analysis: Analysis, diagnostics: readonly Diagnostic[]): void {
    this.found.set(uri, diagnostics);
    const shown = diagnostics.map((found) => toShown(analysis, found, this.uriOf));
    this.listener.publish(uri, this.documents.get(uri)?.version, shown);
  }

  /** What the plan says of a layer, in words. */
  explain(uri: string, layer: string): string | undefined {
    const plan = this.plan(uri);
    if (plan === undefined) return undefined;
    const lines = explainLayers(plan.plan, layer).flatMap((explanation) => explanation.lines.filter(({ text }) => text.includes('cast')));
    return lines.map(({ phase, says }) => `${phase}: ${says}`).join('\n') || `\`${layer}\` has no casts`;
  }
}
