import { type LivePage, rankAmongOthers, serveRuns } from '../index.js';
import type { Output } from './output.js';

/** What `--ui` and `--port` ask for. */
export interface LiveChoices {
  readonly ui: boolean;
  readonly port?: number | undefined;
}

/** The page of `--ui` beside what trains: its address is told at once, and its runs are shown as they begin. */
export class LivePages {
  private constructor(
    private readonly page: LivePage | undefined,
    private readonly output: Output,
  ) {}

  /** Without `ui` nothing is served. Of several ranks the first one serves, which writes the run. Throws UserError as `serveRuns`. */
  static async open({ ui, port }: LiveChoices, output: Output): Promise<LivePages> {
    const isServed = ui && (rankAmongOthers()?.rank ?? 0) === 0;
    const page = isServed ? await serveRuns(undefined, { port }) : undefined;
    if (page !== undefined) output.line(`live: ${page.url}`);
    return new LivePages(page, output);
  }

  /** `target`: a run that begins, or the folder in which several do. What cannot be shown keeps nothing from training. */
  show(target: string): void {
    this.page?.show(target).catch((error: Error) => this.output.notice(`the live page shows no runs: ${error.message}`));
  }

  async close(): Promise<void> {
    await this.page?.close();
  }
}
