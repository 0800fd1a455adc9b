/**
 * A process that trains runs of a sweep, one at a time, as its parent tells it. The parent decides when a run stops: signals that a
 * terminal sends to both are left to it, and when it is gone the run is saved.
 */
import type { FromWorker, ToWorker } from './job.js';
import { packFailure, runJob } from './job.js';

let stop = new AbortController();

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

function abort(): void {
  stop.abort(Object.assign(new Error('interrupted'), { name: 'AbortError' }));
}

async function handle(message: ToWorker): Promise<void> {
  if (message.kind === 'stop') {
    abort();
    return;
  }
  stop = new AbortController();
  try {
    const listener = {
      onStart: () => send({ kind: 'start' }),
      onNotice: (text: string) => send({ kind: 'notice', text }),
      onProgress: (progress: Extract<FromWorker, { kind: 'progress' }>['progress']) => send({ kind: 'progress', progress }),
    };
    await runJob(message.job, listener, stop.signal);
    send({ kind: 'end' });
  } catch (error) {
    send({ kind: 'end', failure: packFailure(error) });
  }
}

for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', abort);
process.on('disconnect', abort);
process.on('message', (message) => void handle(message as ToWorker));
