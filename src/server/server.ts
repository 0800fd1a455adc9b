import {
  CodeActionKind,
  type Connection,
  createConnection,
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type InitializeResult,
  LogMessageNotification,
  LSPErrorCodes,
  MessageType,
  ProposedFeatures,
  ResponseError,
  type ResponseMessage,
  ShowMessageNotification,
  StreamMessageReader,
  StreamMessageWriter,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node';
import { UserError } from '../diagnostics/diagnostic.js';
import { VERSION } from '../files/version.js';
import { formatEdits } from '../language/edits.js';
import { TOKEN_TYPES } from '../language/semantic.js';
import * as features from './features.js';
import { actionsIn } from './findings.js';
import { Gate } from './gate.js';
import { PLAN_VIEW_REQUEST, type PlanViewParams, planView } from './plan-view.js';
import { toOffset, toRange, toSpan, toTextEdit } from './positions.js';
import { Session } from './session.js';
import { readEditorSettings } from './settings.js';

const EXPLAIN = 'ampc.explain';

const CAPABILITIES: InitializeResult['capabilities'] = {
  positionEncoding: 'utf-16',
  textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental },
  completionProvider: { triggerCharacters: ['>', '(', ',', ':', '.', ' ', '"'] },
  signatureHelpProvider: { triggerCharacters: ['(', ','], retriggerCharacters: [':'] },
  hoverProvider: true,
  inlayHintProvider: true,
  definitionProvider: true,
  referencesProvider: true,
  renameProvider: { prepareProvider: true },
  documentSymbolProvider: true,
  foldingRangeProvider: true,
  documentFormattingProvider: true,
  documentRangeFormattingProvider: true,
  semanticTokensProvider: { legend: { tokenTypes: [...TOKEN_TYPES], tokenModifiers: [] }, full: true, range: true },
  codeLensProvider: {},
  codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix, CodeActionKind.RefactorRewrite, CodeActionKind.Empty] },
  executeCommandProvider: { commands: [EXPLAIN] },
};

/** What the editor can do that the server makes use of. */
interface Client {
  snippets: boolean;
  configuration: boolean;
  registers: boolean;
  watches: boolean;
  refreshesHints: boolean;
  refreshesLenses: boolean;
  /** Commands that it has for a model. */
  commands: readonly string[];
}

function clientOf({ capabilities: { textDocument, workspace }, initializationOptions }: InitializeParams): Client {
  const commands: unknown = (initializationOptions as { readonly commands?: unknown } | undefined)?.commands;
  return {
    snippets: textDocument?.completion?.completionItem?.snippetSupport === true,
    configuration: workspace?.configuration === true,
    registers: workspace?.didChangeConfiguration?.dynamicRegistration === true,
    watches: workspace?.didChangeWatchedFiles?.dynamicRegistration === true,
    refreshesHints: workspace?.inlayHint?.refreshSupport === true,
    refreshesLenses: workspace?.codeLens?.refreshSupport === true,
    commands: Array.isArray(commands) ? commands.filter((command) => typeof command === 'string') : [],
  };
}

/** Serves an editor over two streams until it says that it is done. */
export function startServer(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): void {
  const writer = new StreamMessageWriter(output);
  const gate = new Gate(({ id, ...error }) => {
    const refused: ResponseMessage = { jsonrpc: '2.0', id, error };
    void writer.write(refused);
  });
  // A stream that is destroyed does not end.
  input.on('close', () => gate.end());
  const connection = createConnection(ProposedFeatures.all, new StreamMessageReader(input.pipe(gate)), writer);
  let client: Client = {
    snippets: false,
    configuration: false,
    registers: false,
    watches: false,
    refreshesHints: false,
    refreshesLenses: false,
    commands: [],
  };
  const session = new Session({
    publish: (uri, version, diagnostics) =>
      void connection.sendDiagnostics({ uri, diagnostics, ...(version !== undefined && { version }) }),
    planned: () => {
      if (client.refreshesHints) connection.languages.inlayHint.refresh().catch(() => {});
      if (client.refreshesLenses) connection.sendRequest('workspace/codeLens/refresh').catch(() => {});
    },
    failed: (error) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      void connection.sendNotification(LogMessageNotification.type, { type: MessageType.Error, message });
    },
  });

  const configure = (given: unknown) => {
    const before = session.settings;
    session.settings = readEditorSettings(given);
    if (before.backend !== session.settings.backend) session.replan();
    else session.changed();
    if (client.refreshesHints) connection.languages.inlayHint.refresh().catch(() => {});
  };
  const readConfiguration = async () => {
    if (client.configuration) configure(await connection.workspace.getConfiguration('ampc'));
  };

  connection.onInitialize((params): InitializeResult => {
    client = clientOf(params);
    session.settings = readEditorSettings(params.initializationOptions);
    return { capabilities: CAPABILITIES, serverInfo: { name: 'ampc', version: VERSION } };
  });
  connection.onInitialized(async () => {
    if (client.registers) await connection.client.register(DidChangeConfigurationNotification.type, { section: 'ampc' });
    if (client.watches)
      await connection.client.register(DidChangeWatchedFilesNotification.type, { watchers: [{ globPattern: '**/*.amp' }] });
    await readConfiguration();
  });
  connection.onDidChangeConfiguration(async ({ settings }) => {
    if (client.configuration) await readConfiguration();
    else configure((settings as { readonly ampc?: unknown } | null)?.ampc);
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
  answer(connection, session, () => client);
  connection.listen();
}

/** The requests that are about one document. */
function answer(connection: Connection, session: Session, client: () => Client): void {
  const of = (document: { readonly uri: string }) => session.analysis(document.uri);
  connection.onCompletion(({ textDocument, position }) => {
    const analysis = of(textDocument);
    return analysis && features.completion(analysis, position, client().snippets);
  });
  connection.onHover(({ textDocument, position }) => {
    const analysis = of(textDocument);
    return analysis && features.hover(analysis, session.plan(textDocument.uri), position);
  });
  connection.onSignatureHelp(({ textDocument, position }) => {
    const analysis = of(textDocument);
    return analysis && features.signatureHelp(analysis, position);
  });
  connection.languages.inlayHint.on(async ({ textDocument, range }) => {
    // An editor that cannot be told of a plan would show those of the one before until the next keystroke.
    if (!client().refreshesHints) await session.planned(textDocument.uri);
    const analysis = of(textDocument);
    return analysis && [...features.inlayHints(analysis, session.plan(textDocument.uri), range, session.settings.hints)];
  });
  connection.onDefinition(({ textDocument, position }) => {
    const analysis = of(textDocument);
    const found = analysis && session.references(textDocument.uri, toOffset(analysis.lines, position));
    return found && features.location(found.definition);
  });
  connection.onReferences(({ textDocument, position, context }) => {
    const analysis = of(textDocument);
    const found = analysis && session.references(textDocument.uri, toOffset(analysis.lines, position));
    if (found === undefined) return [];
    const { definition, places } = found;
    const isDefinition = (place: (typeof places)[number]) =>
      place.source.path === definition.source.path && place.span.start === definition.span.start;
    return places.filter((place) => context.includeDeclaration || !isDefinition(place)).map(features.location);
  });
  connection.onPrepareRename(({ textDocument, position }) => {
    const analysis = of(textDocument);
    const around = analysis?.symbols.around(toOffset(analysis.lines, position));
    return around && { range: toRange(analysis!.lines, around.span), placeholder: around.thing.name };
  });
  connection.onRenameRequest(({ textDocument, position, newName }) => {
    const analysis = of(textDocument);
    const edit =
      analysis === undefined ? 'the document is not open' : session.rename(textDocument.uri, toOffset(analysis.lines, position), newName);
    return typeof edit === 'string' ? new ResponseError(LSPErrorCodes.RequestFailed, edit) : edit;
  });
  connection.onDocumentSymbol(({ textDocument }) => {
    const analysis = of(textDocument);
    return analysis && features.documentSymbols(analysis);
  });
  connection.onFoldingRanges(({ textDocument }) => {
    const analysis = of(textDocument);
    return analysis && features.foldingRanges(analysis);
  });
  const format = (uri: string, range?: Parameters<typeof toSpan>[1]) => {
    const analysis = session.analysis(uri);
    if (analysis === undefined) return [];
    try {
      return formatEdits(analysis, range && toSpan(analysis.lines, range)).map((edit) => toTextEdit(analysis.lines, edit));
    } catch (error) {
      // A text with syntax errors, which are shown, stays as it is.
      if (error instanceof UserError) return [];
      throw error;
    }
  };
  connection.onDocumentFormatting(({ textDocument }) => format(textDocument.uri));
  connection.onDocumentRangeFormatting(({ textDocument, range }) => format(textDocument.uri, range));
  connection.languages.semanticTokens.on(({ textDocument }) => {
    const analysis = of(textDocument);
    return { data: analysis === undefined ? [] : features.encodedTokens(analysis) };
  });
  connection.languages.semanticTokens.onRange(({ textDocument, range }) => {
    const analysis = of(textDocument);
    return { data: analysis === undefined ? [] : features.encodedTokens(analysis, range) };
  });
  connection.onCodeLens(async ({ textDocument: { uri } }) => {
    if (!client().refreshesLenses) await session.planned(uri);
    const analysis = session.analysis(uri);
    return analysis && features.codeLenses(analysis, session.plan(uri), client().commands, uri);
  });
  connection.onCodeAction(({ textDocument: { uri }, range }) => {
    const analysis = session.analysis(uri);
    return analysis && [...actionsIn(analysis, session.findings(uri), session.plan(uri), uri, range)];
  });
  connection.onRequest(PLAN_VIEW_REQUEST, ({ uri, nonce }: PlanViewParams) => {
    const [analysis, plan] = [session.analysis(uri), session.plan(uri)];
    return analysis === undefined || plan === undefined ? null : planView(analysis, plan, String(nonce));
  });
  connection.onExecuteCommand(({ command, arguments: [uri, layer] = [] }) => {
    if (command !== EXPLAIN || typeof uri !== 'string' || typeof layer !== 'string') return null;
    const text = session.explain(uri, layer);
    if (text !== undefined) void connection.sendNotification(ShowMessageNotification.type, { type: MessageType.Info, message: text });
    return text ?? null;
  });
}
