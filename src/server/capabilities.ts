import { CodeActionKind, type InitializeParams, type InitializeResult, TextDocumentSyncKind } from 'vscode-languageserver';
import { TOKEN_TYPES } from '../language/semantic.js';

export const EXPLAIN = 'ampc.explain';

export const CAPABILITIES: InitializeResult['capabilities'] = {
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
export interface Client {
  readonly snippets: boolean;
  readonly configuration: boolean;
  readonly registers: boolean;
  readonly watches: boolean;
  readonly refreshesHints: boolean;
  readonly refreshesLenses: boolean;
  /** Commands that it has for a model. */
  readonly commands: readonly string[];
}

export function clientOf({ capabilities: { textDocument, workspace }, initializationOptions }: InitializeParams): Client {
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

/** One that has said nothing yet. */
export const NO_CLIENT: Client = {
  snippets: false,
  configuration: false,
  registers: false,
  watches: false,
  refreshesHints: false,
  refreshesLenses: false,
  commands: [],
};
