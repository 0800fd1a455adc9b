import {
  flushFiles,
  keepFiles,
  listFiles,
  listRuns,
  probeBackends,
  resume,
  type TrainEvent,
  type TrainOptions,
  train,
  UserError,
} from '../src/browser.js';
import { serve } from './rpc.js';

const RUNS = '/runs';

let stop: AbortController | undefined;
const ready = keepFiles();

/** What the page is told of a run, step by step. */
export interface RunMessage {
  readonly event: TrainEvent;
}

type Choices = Pick<TrainOptions, 'precision' | 'policy' | 'backend' | 'batch' | 'epochs' | 'maxSteps'>;

async function runWith(begin: (options: TrainOptions) => ReturnType<typeof train>, choices: Choices) {
  await ready;
  stop = new AbortController();
  try {
    const onEvent = (event: TrainEvent): void => self.postMessage({ event } satisfies RunMessage);
    const { run, testAccuracy, isStopped } = await begin({ ...choices, logEvery: 1, signal: stop.signal, onEvent });
    return { run, testAccuracy, isStopped };
  } catch (error) {
    const [first] = error instanceof UserError ? error.diagnostics : [];
    throw first === undefined ? error : new Error([first.message, first.why, first.fix].filter(Boolean).join('. '));
  } finally {
    await flushFiles();
  }
}

const functions = {
  devices: probeBackends,
  begin: (text: string, choices: Choices) =>
    runWith((options) => train({ path: 'playground.amp', text }, { ...options, out: `${RUNS}/${Date.now()}` }), choices),
  goOn: (run: string, choices: Choices) => runWith((options) => resume(run, options), choices),
  pause: () => stop?.abort(new Error('paused')),
  /** Runs that this browser keeps, the last one first. */
  runs: async () => {
    await ready;
    try {
      listFiles(RUNS);
    } catch {
      return [];
    }
    const { runs } = await listRuns(RUNS);
    return [...runs].reverse();
  },
};

export type TrainFunctions = typeof functions;

serve(functions);
