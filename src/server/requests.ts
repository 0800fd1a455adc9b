import { type Connection, LSPErrorCodes, MessageType, ResponseError, ShowMessageNotification } from 'vscode-languageserver';
import { UserError } from '../diagnostics/diagnostic.js';
import { formatEdits } from '../language/edits.js';
import { type Client, EXPLAIN } from './capabilities.js';
import * as features from './features.js';
import { actionsIn } from './findings.js';
import { definition, references, rename } from './names.js';
import { PLAN_VIEW_REQUEST, type PlanViewParams, planView } from './plan-view.js';
import { toOffset, toRange, toSpan, toTextEdit } from './positions.js';
import type { Session } from './session.js';

/** The requests that are about one document. */
export function answerRequests(connection: Connection, session: Session, client: () => Client): void {
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
    const found = analysis && definition(session, textDocument.uri, toOffset(analysis.lines, position));
    return found && features.location(found, session.uriOf);
  });
  connection.onReferences(({ textDocument, position, context }) => {
    const analysis = of(textDocument);
    const found = analysis && references(session, textDocument.uri, toOffset(analysis.lines, position));
    if (found === undefined) return [];
    const { definition, places } = found;
    const isDefinition = (place: (typeof places)[number]) =>
      place.source.path === definition.source.path && place.span.start === definition.span.start;
    return places
      .filter((place) => context.includeDeclaration || !isDefinition(place))
      .map((place) => features.location(place, session.uriOf));
  });
  connection.onPrepareRename(({ textDocument, position }) => {
    const analysis = of(textDocument);
    const around = analysis?.symbols.around(toOffset(analysis.lines, position));
    return around && { range: toRange(analysis!.lines, around.span), placeholder: around.thing.name };
  });
  connection.onRenameRequest(({ textDocument, position, newName }) => {
    const analysis = of(textDocument);
    const edit =
      analysis === undefined ? 'the document is not open' : rename(session, textDocument.uri, toOffset(analysis.lines, position), newName);
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
    return analysis && [...actionsIn(analysis, session.findings(uri), session.plan(uri), range, session.uriOf)];
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
