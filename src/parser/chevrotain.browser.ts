export { createToken, createTokenInstance, EmbeddedActionsParser, EOF, Lexer, tokenMatcher } from 'chevrotain';
