import { existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { LanguageClient, type LanguageClientOptions, type ServerOptions, TransportKind } from 'vscode-languageclient/node';
import { commandLine, openReport, Printouts, trainInTerminal } from './command-line';
import { PlanPanel } from './plan-view';

let client: LanguageClient | undefined;
const graph = new PlanPanel(() => client);

/** The `ampc` of the setting, of a workspace folder, or of the PATH. */
function findAmpc(): string {
  const setting = vscode.workspace.getConfiguration('ampc').get<string>('path', '');
  if (setting !== '') return setting;
  const name = process.platform === 'win32' ? 'ampc.cmd' : 'ampc';
  const local = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => path.join(uri.fsPath, 'node_modules', '.bin', name));
  return local.find((file) => existsSync(file)) ?? name;
}

async function start(): Promise<void> {
  const { command, args, shell } = commandLine(findAmpc(), ['lsp', '--stdio']);
  const server: ServerOptions = { command, args: [...args], transport: TransportKind.stdio, options: { shell } };
  const options: LanguageClientOptions = {
    // Of a file as it was, beside its changes, nothing is said: what it used may be gone.
    documentSelector: [
      { language: 'ampc', scheme: 'file' },
      { language: 'ampc', scheme: 'untitled' },
    ],
    // Those that the server may offer above a model, with the document's address.
    initializationOptions: { commands: ['ampc.plan', 'ampc.train'] },
    middleware: {
      // The server asks for lenses again whenever a plan is there: that of the graph may be another then.
      provideCodeLenses: (document, token, next) => {
        void graph.update();
        return next(document, token);
      },
    },
    synchronize: { configurationSection: 'ampc' },
  };
  client = new LanguageClient('ampc', 'ampc', server, options);
  try {
    await client.start();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(
      `ampc's language server did not start (${why}). ` +
        'Install ampc in the workspace (npm install ampc), or name it in the setting ampc.path.',
    );
  }
}

/** Ends the server. One that did not start cannot be stopped, which is no reason not to start another. */
async function stop(): Promise<void> {
  const before = client;
  client = undefined;
  if (before?.needsStop() === true) await before.dispose();
}

async function restart(): Promise<void> {
  await stop();
  await start();
}

/** The `.amp` file at an address, or of the active editor, saved: commands read it from the disk. */
async function savedFile(address: unknown): Promise<string | undefined> {
  const document =
    typeof address === 'string'
      ? await vscode.workspace.openTextDocument(vscode.Uri.parse(address))
      : vscode.window.activeTextEditor?.document;
  if (document?.languageId !== 'ampc' || document.isUntitled) {
    void vscode.window.showWarningMessage('Open a .amp file that has been saved first.');
    return undefined;
  }
  return (await document.save()) ? document.uri.fsPath : undefined;
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const command = (name: string, run: (...args: unknown[]) => unknown) =>
    context.subscriptions.push(vscode.commands.registerCommand(name, run));
  const printouts = new Printouts();
  context.subscriptions.push(vscode.workspace.registerTextDocumentContentProvider(Printouts.scheme, printouts));
  command('ampc.restart', restart);
  command('ampc.plan', async (address) => {
    const file = await savedFile(address);
    if (file !== undefined) await printouts.show(findAmpc(), ['plan', file], path.dirname(file), `plan of ${path.parse(file).name}`);
  });
  command('ampc.train', async (address) => {
    const file = await savedFile(address);
    if (file !== undefined) await trainInTerminal(findAmpc(), file);
  });
  command('ampc.graph', async () => {
    const document = vscode.window.activeTextEditor?.document;
    if (document?.languageId === 'ampc') await graph.show(document.uri);
    else void vscode.window.showWarningMessage('Open a .amp file first.');
  });
  command('ampc.report', async () => {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
    if (folder === undefined) void vscode.window.showWarningMessage('Open a folder first.');
    else await openReport(findAmpc(), folder);
  });
  command('ampc.runs', async () => {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    if (folder === undefined) void vscode.window.showWarningMessage('Open a folder first.');
    else await printouts.show(findAmpc(), ['runs', '.'], folder, 'runs');
  });
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('ampc.path')) void restart();
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await stop();
}
