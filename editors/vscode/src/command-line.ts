import { execFile } from 'node:child_process';
import path from 'node:path';
import * as vscode from 'vscode';

/** How a program is started: the scripts that npm makes on Windows run in a shell alone, which needs its words in quotes. */
export function commandLine(program: string, args: readonly string[]): { command: string; args: readonly string[]; shell: boolean } {
  const shell = program.endsWith('.cmd');
  const quoted = (word: string) => (shell ? `"${word}"` : word);
  return { command: quoted(program), args: args.map(quoted), shell };
}

/** Runs `ampc` and shows what it prints, plan or error, in a document beside the editor. */
export async function showOutput(ampc: string, words: readonly string[], folder: string): Promise<void> {
  const { command, args, shell } = commandLine(ampc, words);
  const printed = await new Promise<string>((resolve) => {
    execFile(
      command,
      [...args],
      { cwd: folder, shell, maxBuffer: 1 << 28, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        resolve([stdout, stderr, error !== null && stdout + stderr === '' ? error.message : ''].filter((text) => text !== '').join('\n'));
      },
    );
  });
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
