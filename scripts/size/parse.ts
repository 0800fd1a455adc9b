export { checkSource, lowerProgram } from '../../src/lower/lower.js';
export { formatAmp } from '../../src/parser/format.js';
