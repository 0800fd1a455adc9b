import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

/** What the server says of a plan: `src/server/plan-view.ts` of ampc. */
interface PlanView {
  readonly html: string;
  readonly layers: Readonly<Record<string, { start: { line: number; character: number }; end: { line: number; character: number } }>>;
}

/** The graph of a document's plan beside it, drawn anew when the plan has changed. A click on a layer shows where the text makes it. */
export class PlanPanel {
  private panel: vscode.WebviewPanel | undefined;
  private uri: vscode.Uri | undefined;
  private view: PlanView | undefined;

  constructor(private readonly client: () => LanguageClient | undefined) {}

  async show(uri: vscode.Uri): Promise<void> {
    this.uri = uri;
    this.panel ??= this.open();
    this.panel.reveal(undefined, true);
    await this.update();
  }

  private open(): vscode.WebviewPanel {
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const panel = vscode.window.createWebviewPanel('ampc.graph', 'ampc plan', place, { enableScripts: true });
    panel.onDidDispose(() => {
      this.panel = undefined;
    });
    panel.webview.onDidReceiveMessage((layer: unknown) => this.reveal(String(layer)));
    return panel;
  }

  async update(): Promise<void> {
    const { panel, uri } = this;
    const client = this.client();
    if (panel === undefined || uri === undefined || client === undefined) return;
    const view = await client.sendRequest<PlanView | null>('ampc/planView', {
      uri: uri.toString(),
      nonce: randomBytes(16).toString('hex'),
    });
    if (view === null || this.panel !== panel || this.uri !== uri) return;
    this.view = view;
    panel.title = `plan of ${vscode.workspace.asRelativePath(uri)}`;
    panel.webview.html = view.html;
  }

  private async reveal(layer: string): Promise<void> {
    const place = this.view?.layers[layer];
    if (place === undefined || this.uri === undefined) return;
    const { start, end } = place;
    const selection = new vscode.Range(start.line, start.character, end.line, end.character);
    await vscode.window.showTextDocument(this.uri, { selection, viewColumn: vscode.ViewColumn.One });
  }
}
