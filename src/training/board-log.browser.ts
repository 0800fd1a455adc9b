import { notInBrowser } from '../files/not-here.js';
import type { RunLog } from './options.js';

export const BoardLog = {
  open: async (): Promise<RunLog> => {
    throw notInBrowser('TensorBoard', 'leave out `tensorboard` and `histograms`: metrics.jsonl has the same numbers');
  },
};
