/// <reference types="@webgpu/types" />
import { userError } from '../../diagnostics/diagnostic.js';

/** The browser's own WebGPU. Throws UserError AMP6030 where it has none. */
export async function openInstance(): Promise<GPU> {
  if (navigator.gpu !== undefined) return navigator.gpu;
  const why = isSecureContext ? 'navigator.gpu is not there' : 'the page did not come over https or from this machine';
  throw userError('AMP6030', 'this browser has no WebGPU here', why, 'use a current browser, or the reference backend for a tiny network');
}
