import {
  flushFiles,
  keepFiles,
  listFiles,
  listRuns,
  probeBackends,
  putFile,
  resume,
  type TrainEvent,
  type TrainOptions,
  train,
  UserError,
} from '../src/browser.js';
import { serve } from './rpc.js';

const RUNS = '/runs';

/** Where the files of data sets lie. */
const DATA = '/data';

/** Files of the binary form of CIFAR-10. */
const CIFAR10 = /^(data_batch_[1-5]\.bin|test_batch\.bin|batches\.meta\.txt)$/;

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

/** Keeps those of the files that belong to a data set; their names. */
async function keepData(files: readonly File[]): Promise<readonly string[]> {
  await ready;
  const known = files.filter(({ name }) => CIFAR10.test(name));
  for (const file of known) putFile(`${DATA}/cifar-10-batches-bin/${file.name}`, new Uint8Array(await file.arrayBuffer()));
  await flushFiles();
  return known.map(({ name }) => name);
}

const functions = {
  keepData,
  devices: probeBackends,
  begin: (text: string, choices: Choices) =>
    runWith((options) => train({ path: 'playground.amp', text }, { ...options, data: DATA, out: `${RUNS}/${Date.now()}` }), choices),
  goOn: (run: string, choices: Choices) => runWith((options) => resume(run, { ...options, data: DATA }), choices),
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
