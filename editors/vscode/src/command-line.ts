import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
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

/** Asks for one of the runs in a folder, writes its report, and opens that where the system opens pages. */
export async function openReport(ampc: string, folder: vscode.Uri): Promise<void> {
  const configs = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, '**/config.json'), '**/node_modules/**', 200);
  const runs = [];
  for (const { fsPath } of configs) if (existsSync(path.join(path.dirname(fsPath), 'plan.txt'))) runs.push(path.dirname(fsPath));
  if (runs.length === 0) {
    void vscode.window.showWarningMessage('There is no run in this folder: train first.');
    return;
  }
  const newest = runs.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const shown = newest.map((run) => path.relative(folder.fsPath, run));
  const run = shown.length === 1 ? shown[0] : await vscode.window.showQuickPick(shown, { placeHolder: 'Which run? The newest is first.' });
  if (run === undefined) return;
  const title = `ampc: the report of ${run}`;
  const { failed, stdout, all } = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
    runAmpc(ampc, ['report', run, '--quiet'], folder.fsPath),
  );
  const file = stdout.trim().split('\n').at(-1);
  if (failed || file === undefined) void vscode.window.showErrorMessage(all);
  else await vscode.env.openExternal(vscode.Uri.file(path.resolve(folder.fsPath, file)));
}

/** Runs `ampc` and shows what it prints, plan or error, in a document beside the editor. */
export async function showOutput(ampc: string, words: readonly string[], folder: string): Promise<void> {
  const { all: printed } = await runAmpc(ampc, words, folder);
  const document = await vscode.workspace.openTextDocument({ content: printed, language: 'plaintext' });
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
}

/** Trains in a terminal, where Ctrl-C saves the checkpoint as it does outside of the editor. */
export function trainInTerminal(ampc: string, file: string): void {
  const { command, args } = commandLine(ampc, ['train', path.basename(file)]);
  const terminal = vscode.window.createTerminal({
    name: `ampc train ${path.basename(file)}`,
    cwd: path.dirname(file),
    ...(process.platform !== 'win32' && { shellPath: command, shellArgs: [...args] }),
  });
  if (process.platform === 'win32') terminal.sendText([command, ...args].join(' '));
  terminal.show();
}
