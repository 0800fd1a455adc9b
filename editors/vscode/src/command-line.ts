import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';

/** How a program is started: the scripts that npm makes on Windows run in a shell alone, which needs its words in quotes. */
export function commandLine(program: string, args: readonly string[]): { command: string; args: readonly string[]; shell: boolean } {
  const shell = program.endsWith('.cmd');
  const quoted = (word: string) => (shell ? `"${word}"` : word);
  return { command: quoted(program), args: args.map(quoted), shell };
}

interface Printed {
  readonly failed: boolean;
  readonly stdout: string;
  /** Both streams, or why it could not be started. */
  readonly all: string;
}

function runAmpc(ampc: string, words: readonly string[], folder: string): Promise<Printed> {
  const { command, args, shell } = commandLine(ampc, words);
  const options = { cwd: folder, shell, maxBuffer: 1 << 28, env: { ...process.env, NO_COLOR: '1' } };
  return new Promise((resolve) => {
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const all = [stdout, stderr, error !== null && stdout + stderr === '' ? error.message : ''].filter((text) => text !== '');
      resolve({ failed: error !== null, stdout, all: all.join('\n') });
    });
  });
}

/** What `ampc runs --json` says of the runs in a folder, at any depth. */
interface Runs {
  readonly event: string;
  readonly runs: readonly { readonly run: string; readonly updated: string }[];
}

/** The runs in a folder as they are named from there, the newest first; a text where they cannot be listed. */
async function listRuns(ampc: string, folder: string): Promise<readonly string[] | string> {
  const { failed, stdout, all } = await runAmpc(ampc, ['runs', '.', '--json'], folder);
  if (failed) return all;
  const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Partial<Runs>]));
  const runs = events.flatMap((event) => (event.event === 'runs' ? (event.runs ?? []) : []));
  return [...runs].sort((a, b) => b.updated.localeCompare(a.updated)).map(({ run }) => run);
}

/** Asks for one of the runs in a folder, writes its report, and opens that. */
export async function openReport(ampc: string, folder: vscode.Uri): Promise<void> {
  const runs = await listRuns(ampc, folder.fsPath);
  if (typeof runs === 'string') {
    void vscode.window.showErrorMessage(runs);
    return;
  }
  if (runs.length === 0) {
    void vscode.window.showWarningMessage('There is no run in this folder: train first.');
    return;
  }
  const run = runs.length === 1 ? runs[0] : await vscode.window.showQuickPick(runs, { placeHolder: 'Which run? The newest is first.' });
  if (run === undefined) return;
  const title = `ampc: the report of ${run}`;
  const { failed, stdout, all } = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
    runAmpc(ampc, ['report', run, '--quiet'], folder.fsPath),
  );
  const file = stdout.trim().split('\n').at(-1);
  if (failed || file === undefined) void vscode.window.showErrorMessage(all);
  else await openPage(path.resolve(folder.fsPath, file), `report of ${run}`);
}

/** A page of this machine. Where the editor runs on another one, or in a browser, the system there cannot open it: the editor shows it. */
async function openPage(file: string, title: string): Promise<void> {
  const { env, window, UIKind, Uri, ViewColumn } = vscode;
  if (env.remoteName === undefined && env.uiKind === UIKind.Desktop) {
    await env.openExternal(Uri.file(file));
    return;
  }
  const panel = window.createWebviewPanel('ampc.report', title, ViewColumn.Active, { enableScripts: true, localResourceRoots: [] });
  panel.webview.html = await readFile(file, 'utf8');
}

/** Documents that show what `ampc` printed: they can be read, searched and closed, and are no files that want to be saved. */
export class Printouts implements vscode.TextDocumentContentProvider {
  static readonly scheme = 'ampc-output';
  private readonly texts = new Map<string, string>();
  private readonly changes = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changes.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? '';
  }

  /** Runs `ampc` and shows what it prints, result or error, under a title beside the editor. */
  async show(ampc: string, words: readonly string[], folder: string, title: string): Promise<void> {
    const { all } = await runAmpc(ampc, words, folder);
    const uri = vscode.Uri.from({ scheme: Printouts.scheme, path: `/${title}` });
    this.texts.set(uri.path, all);
    this.changes.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
  }
}

/**
 * Trains in a terminal that stays when the run has ended, with what it printed; Ctrl-C saves the checkpoint there as it does outside of
 * the editor.
 */
export async function trainInTerminal(ampc: string, file: string): Promise<void> {
  const { command, args, shell } = commandLine(ampc, ['train', path.basename(file)]);
  const options = { cwd: path.dirname(file) };
  // A shell quotes what a task gives it word by word.
  const execution = shell
    ? new vscode.ShellExecution(ampc, ['train', path.basename(file)], options)
    : new vscode.ProcessExecution(command, [...args], options);
  const task = new vscode.Task({ type: 'process' }, vscode.TaskScope.Workspace, `train ${path.basename(file)}`, 'ampc', execution);
  await vscode.tasks.executeTask(task);
}
