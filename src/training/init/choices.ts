import { userError } from '../../diagnostics/diagnostic.js';
import { given } from '../../given.js';
import type { InitOptions } from './load.js';
import type { WeightLayout } from './weight-file.js';

/** Which weights are started from, as callers say it. */
export interface InitChoices {
  /** File with the weights to start from: safetensors, or a state dict of PyTorch. */
  readonly init?: string | undefined;
  /** Pairs `FILE=MODEL` of names that belong together; a name of a layer stands for its tensors, and `*` for any part of a name. */
  readonly initMap?: readonly string[] | undefined;
  /** Take what fits; the rest starts as the file says. */
  readonly initPartial?: boolean | undefined;
  /** Whose order of axes the weights have; default: what the file says, or its shapes fit. */
  readonly initLayout?: WeightLayout | undefined;
}

/** Where weights come from, and how they are read. Throws UserError AMP6215 where only the second is said. */
export function initOf({ init, initMap, initPartial, initLayout }: InitChoices): (InitOptions & { readonly path: string }) | undefined {
  if (init === undefined && (initMap !== undefined || initPartial !== undefined || initLayout !== undefined))
    throw userError(
      'AMP6215',
      'there are no weights to start from',
      'how they are read is said, and not where they are',
      'name the file with --init',
    );
  return init === undefined ? undefined : { path: init, ...given({ map: initMap, partial: initPartial, layout: initLayout }) };
}
