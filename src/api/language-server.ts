/**
 * Serves an editor: the Language Server Protocol over two streams, until the editor says that it is done, or closes the first one. The
 * process ends then.
 */
export async function serveEditor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<void> {
  // Only an editor needs the protocol's library.
  const { startServer } = await import('../server/server.js');
  startServer(input, output);
}
