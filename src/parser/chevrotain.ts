import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/*
 * The package's entry imports hundreds of small files, which takes longer than everything else until the first step. The same code in one
 * file comes with it and loads in a twentieth of the time.
 */
const require = createRequire(import.meta.url);
const bundle = join(dirname(require.resolve('chevrotain')), '..', 'chevrotain.mjs');

export const { createToken, createTokenInstance, EmbeddedActionsParser, EOF, Lexer, tokenMatcher } = require(
  bundle,
) as typeof import('chevrotain');
