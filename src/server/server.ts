import {
  createConnection,
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  type DidChangeWorkspaceFoldersParams,
  type InitializeResult,
  LogMessageNotification,
  MessageType,
  ProposedFeatures,
  type ResponseMessage,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { VERSION } from '../files/version.js';
import { CAPABILITIES, clientOf, NO_CLIENT } from './capabilities.js';
import { pathOf } from './documents.js';
import { Gate } from './gate.js';
import { answerRequests } from './requests.js';
import { Session } from './session.js';
import { readEditorSettings } from './settings.js';

/** What an editor is told or asked that may be gone: then nobody misses the answer. */
async function unlessGone(send: () => Promise<unknown>): Promise<void> {
  try {
    await send();
  } catch {}
}

/** Serves an editor over two streams until it says that it is done. */
export function startServer(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): void {
  const writer = new StreamMessageWriter(output);
  const gate = new Gate(({ id, ...error }) => {
    const refused: ResponseMessage = { jsonrpc: '2.0', id, error };
    void unlessGone(() => writer.write(refused));
  });
  // A stream that is destroyed does not end.
  input.on('close', () => gate.end());
  const connection = createConnection(ProposedFeatures.all, new StreamMessageReader(input.pipe(gate)), writer);
  let client = NO_CLIENT;
  /** What the editor started with, which counts where its configuration says nothing. */
  let options: unknown;
  const session = new Session({
    publish: (uri, version, diagnostics) =>
      void unlessGone(() => connection.sendDiagnostics({ uri, diagnostics, ...(version !== undefined && { version }) })),
    planned: () => {
      if (client.refreshesHints) void unlessGone(() => connection.languages.inlayHint.refresh());
      if (client.refreshesLenses) void unlessGone(() => connection.sendRequest('workspace/codeLens/refresh'));
    },
    failed: (error) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      void unlessGone(() => connection.sendNotification(LogMessageNotification.type, { type: MessageType.Error, message }));
    },
  });

  const configure = (given: unknown) => {
    const before = session.settings;
    session.settings = readEditorSettings(given, options);
    if (before.backend !== session.settings.backend) session.replan();
    else session.changed();
    if (client.refreshesHints) void unlessGone(() => connection.languages.inlayHint.refresh());
  };
  const readConfiguration = () => {
    if (client.configuration) void unlessGone(() => connection.workspace.getConfiguration('ampc').then(configure));
  };

  connection.onInitialize((params): InitializeResult => {
    client = clientOf(params);
    options = params.initializationOptions;
    session.settings = readEditorSettings(undefined, options);
    session.folders = foldersOf(params.workspaceFolders?.map(({ uri }) => uri) ?? (params.rootUri ? [params.rootUri] : []));
    return { capabilities: CAPABILITIES, serverInfo: { name: 'ampc', version: VERSION } };
  });
  connection.onInitialized(() => {
    if (client.registers) void unlessGone(() => connection.client.register(DidChangeConfigurationNotification.type, { section: 'ampc' }));
    if (client.watches)
      void unlessGone(() =>
        connection.client.register(DidChangeWatchedFilesNotification.type, { watchers: [{ globPattern: '**/*.amp' }] }),
      );
    readConfiguration();
  });
  connection.onDidChangeConfiguration((params) => {
    if (client.configuration) readConfiguration();
    else configure((params?.settings as { readonly ampc?: unknown } | null | undefined)?.ampc);
  });
  connection.onNotification('workspace/didChangeWorkspaceFolders', ({ event }: DidChangeWorkspaceFoldersParams) => {
    const removed = foldersOf(event.removed.map(({ uri }) => uri));
    const kept = session.folders.filter((folder) => !removed.includes(folder));
    session.folders = [...kept, ...foldersOf(event.added.map(({ uri }) => uri))];
  });
  connection.onDidOpenTextDocument(({ textDocument: { uri, version, text } }) => {
    session.documents.set({ uri, version, text });
    session.changed();
  });
  connection.onDidChangeTextDocument(({ textDocument: { uri, version }, contentChanges }) => {
    session.documents.change(uri, version, contentChanges);
    session.changed();
  });
  connection.onDidCloseTextDocument(({ textDocument: { uri } }) => session.closed(uri));
  connection.onDidChangeWatchedFiles(() => session.filesChanged());
  answerRequests(connection, session, () => client);
  connection.listen();
}

/** The folders of a workspace that lie on this machine. */
function foldersOf(uris: readonly string[]): readonly string[] {
  return uris.filter((uri) => uri.startsWith('file:')).map(pathOf);
}
