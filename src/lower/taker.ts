import type { LayerParam } from '../ops/layer.js';
import type { Signature } from './bind.js';
import { type Callee, signatureOf } from './callee.js';
import { PARAM, PARAM_ARGUMENTS } from './functions.js';
import { signatureParams } from './signature.js';

/** What takes arguments as layers do. */
export interface Taker {
  readonly name: string;
  readonly params: readonly LayerParam[];
  readonly signature: Signature;
}

export const PARAM_CALL: Taker = {
  name: PARAM,
  params: PARAM_ARGUMENTS,
  signature: { name: PARAM, params: signatureParams(PARAM_ARGUMENTS) },
};

export function takerOf(callee: Callee | undefined): Taker | undefined {
  return callee?.kind === 'layer' ? { name: callee.name, params: callee.layer.params, signature: signatureOf(callee) } : undefined;
}
