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
} from '../src/browser.js';
import { keepData, keptPictures } from './kept-data.js';
import { serve } from './rpc.js';
import { forget, gradients, resultFunctions } from './run-results.js';

const RUNS = '/runs';

let stop: AbortController | undefined;
const ready = keepFiles();

/** What the page is told of a run while it goes on. */
export type RunMessage = { readonly event: TrainEvent } | { readonly gradients: string };

interface Choices extends Pick<TrainOptions, 'precision' | 'policy' | 'backend' | 'batch' | 'epochs' | 'maxSteps' | 'set'> {
  /** Whether the gradients are measured after each epoch. */
  readonly watchGradients?: boolean;
}

const post = (message: RunMessage): void => self.postMessage(message);

async function runWith(begin: (options: TrainOptions) => ReturnType<typeof train>, { watchGradients, ...choices }: Choices) {
  await ready;
  forget();
  stop = new AbortController();
  let [folder, scale] = ['', 1];
  const onEvent = (event: TrainEvent): void => {
    if (event.event === 'start') folder = event.run;
    if (event.event === 'step') scale = event.loss_scale;
    post({ event });
  };
  const onEpoch = async (): Promise<void> => post({ gradients: await gradients(folder, scale) });
  const callbacks = watchGradients ? [{ onEpoch }] : [];
  try {
    const { run, interrupted } = await begin({ ...choices, callbacks, logEvery: 1, signal: stop.signal, onEvent });
    return { run, interrupted };
  } finally {
    await flushFiles();
  }
}

const functions = {
  ...resultFunctions,
  keepData: async (files: Parameters<typeof keepData>[0]) => {
    await ready;
    return keepData(files);
  },
  keptPictures: async () => {
    await ready;
    return keptPictures();
  },
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
