import type { GroupContext } from '../gpu/context.js';
import type { WgslTarget } from './target.js';

/** A group of a plan, for one device of WebGPU. */
export type WgslContext = GroupContext<WgslTarget>;
