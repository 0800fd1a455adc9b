export { emitWgsl } from '../../src/codegen/wgsl/emit.js';
export { compileProgram } from '../../src/compile.js';
export { printPlan } from '../../src/plan/print.js';
export { defaultTarget } from '../../src/plan/target.js';
export * from './parse.js';
