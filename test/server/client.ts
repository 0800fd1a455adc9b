import { spawn } from 'node:child_process';
import {
  type ClientCapabilities,
  createProtocolConnection,
  type Diagnostic,
  DidChangeTextDocumentNotification,
  DidChangeWatchedFilesNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  FileChangeType,
  type FileEvent,
  InitializedNotification,
  InitializeRequest,
  type InitializeResult,
  type Position,
  type ProtocolConnection,
  PublishDiagnosticsNotification,
  type Range,
  RegistrationRequest,
  ShutdownRequest,
  type TextEdit,
} from 'vscode-languageserver-protocol/node';
import { LineIndex } from '../../src/diagnostics/lines.js';
import { mainScript } from '../support/main-script.js';

const CAPABILITIES: ClientCapabilities = {
  textDocument: {
    completion: { completionItem: { snippetSupport: true } },
    publishDiagnostics: { relatedInformation: true, versionSupport: true },
    hover: { contentFormat: ['markdown'] },
  },
  workspace: { inlayHint: { refreshSupport: true }, didChangeWatchedFiles: { dynamicRegistration: true } },
};

interface Published {
  readonly version: number | undefined;
  readonly diagnostics: Diagnostic[];
}

/** An editor: a process of `ampc lsp --stdio` and the documents that are open in it. */
export class EditorClient {
  private readonly published = new Map<string, Published>();
  private readonly listeners = new Set<() => void>();
  private version = 0;
  private readonly versions = new Map<string, number>();
  refreshes = 0;
  /** What the server asked to be told, with its options. */
  readonly registered = new Map<string, unknown>();

  private constructor(
    readonly connection: ProtocolConnection,
    readonly exit: Promise<number | null>,
    private readonly stderr: () => string,
  ) {
    connection.onNotification(PublishDiagnosticsNotification.type, ({ uri, version, diagnostics }) => {
      this.published.set(uri, { version, diagnostics });
      this.wake();
    });
    connection.onRequest(RegistrationRequest.type, ({ registrations }) => {
      for (const { method, registerOptions } of registrations) this.registered.set(method, registerOptions);
    });
    connection.onRequest('workspace/inlayHint/refresh', () => {
      this.refreshes++;
      this.wake();
      return null;
    });
    connection.listen();
  }

  private wake(): void {
    for (const listener of this.listeners) listener();
  }

  static async start(
    initializationOptions: unknown = {},
    capabilities: ClientCapabilities = CAPABILITIES,
  ): Promise<{ readonly client: EditorClient; readonly result: InitializeResult }> {
    const main = mainScript();
    const child = spawn(process.execPath, [...main.args, 'lsp', '--stdio'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...main.env },
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
    const connection = createProtocolConnection(child.stdout, child.stdin);
    const client = new EditorClient(connection, exit, () => stderr);
    const result = await connection.sendRequest(InitializeRequest.type, {
      processId: process.pid,
      rootUri: null,
      capabilities,
      initializationOptions,
    });
    await connection.sendNotification(InitializedNotification.type, {});
    return { client, result };
  }

  async open(uri: string, text: string): Promise<void> {
    this.published.delete(uri);
    this.versions.set(uri, ++this.version);
    await this.connection.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { uri, languageId: 'ampc', version: this.version, text },
    });
  }

  /** As an editor tells of files that it watches, once they were written. */
  async changedFiles(...uris: readonly string[]): Promise<void> {
    for (const uri of uris) this.published.delete(uri);
    const changes = uris.map((uri): FileEvent => ({ uri, type: FileChangeType.Changed }));
    await this.connection.sendNotification(DidChangeWatchedFilesNotification.type, { changes });
  }

  /** All of a document, or a part of it. */
  async change(uri: string, text: string, range?: Range): Promise<number> {
    const version = ++this.version;
    this.versions.set(uri, version);
    await this.connection.sendNotification(DidChangeTextDocumentNotification.type, {
      textDocument: { uri, version },
      contentChanges: [range === undefined ? { text } : { range, text }],
    });
    return version;
  }

  async close(uri: string): Promise<void> {
    await this.connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri } });
  }

  private until<T>(found: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        const value = found();
        if (value === undefined) return;
        this.listeners.delete(look);
        resolve(value);
      };
      this.listeners.add(look);
      look();
    });
  }

  /** The findings about the document as it is now, once they are those that are meant. */
  diagnostics(uri: string, isMeant: (found: readonly Diagnostic[]) => boolean = () => true): Promise<readonly Diagnostic[]> {
    return this.until(() => {
      const published = this.published.get(uri);
      const isCurrent = published?.version === this.versions.get(uri) && isMeant(published?.diagnostics ?? []);
      return isCurrent ? published?.diagnostics : undefined;
    });
  }

  /** Resolves when the plan of a document is there that is opened or changed by `act`. */
  async planned(act: () => Promise<unknown>): Promise<void> {
    const before = this.refreshes;
    await act();
    await this.until(() => (this.refreshes > before ? true : undefined));
  }

  async stop(): Promise<number | null> {
    await this.connection.sendRequest(ShutdownRequest.type);
    await this.connection.sendNotification(ExitNotification.type);
    return this.exit;
  }

  get errors(): string {
    return this.stderr();
  }
}

/** Where a part of a text stands, as editors count. */
export function positionOf(text: string, part: string, after = 0): Position {
  const { line, column } = new LineIndex(text).position(text.indexOf(part) + after);
  return { line: line - 1, character: column - 1 };
}

/** The text after the edits of an editor. */
export function edited(text: string, edits: readonly TextEdit[]): string {
  const lines = new LineIndex(text);
  const offset = ({ line, character }: Position) => lines.offset({ line: line + 1, column: character + 1 });
  const ordered = [...edits].sort((a, b) => offset(b.range.start) - offset(a.range.start));
  return ordered.reduce((now, { range, newText }) => now.slice(0, offset(range.start)) + newText + now.slice(offset(range.end)), text);
}
