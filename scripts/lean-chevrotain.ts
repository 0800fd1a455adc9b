import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

/**
 * What chevrotain asks of a grammar and of tokens before it reads anything, by file, with what it is answered instead: tests have asked
 * by then (test/parser/), and the tokens say by themselves which characters they begin with.
 */
const ANSWERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'parse/grammar/checks.js': {
    validateGrammar: 'return [];',
    validateLookahead: 'return [];',
    validateRuleIsOverridden: 'return [];',
    validateNoLeftRecursion: 'return [];',
    validateEmptyOrAlternative: 'return [];',
    validateAmbiguousAlternationAlternatives: 'return [];',
    validateSomeNonEmptyLookaheadPath: 'return [];',
  },
  // What may come next, completion finds in its own way.
  'parse/grammar/interpreter.js': { nextPossibleTokensAfter: "throw new Error('this parser does not complete');" },
  'scan/lexer.js': {
    performRuntimeChecks: 'return [];',
    performWarningRuntimeChecks: 'return [];',
    validatePatterns: 'return [];',
  },
  'scan/reg_exp.js': {
    getOptimizedStartCodesIndices: "throw new Error('a token has no start_chars_hint');",
    // Asked of those tokens alone that are words and signs.
    canMatchCharCode: 'return false;',
  },
  'scan/reg_exp_parser.js': { clearRegExpParserCache: '' },
  // Trees and their visitors belong to the other kind of parser.
  'parse/cst/cst_visitor.js': {
    createBaseSemanticVisitorConstructor: "throw new Error('no trees are made');",
    createBaseVisitorConstructorWithDefaults: "throw new Error('no trees are made');",
  },
};

/** A module in which functions only answer; what they called is left out by the bundler. */
function answering(code: string, file: string, answers: Readonly<Record<string, string>>): string {
  return Object.entries(answers).reduce(
    (text, [name, answer]) => {
      const head = `export function ${name}(`;
      if (!text.includes(head)) throw new Error(`chevrotain has no function ${name} in ${file} any more`);
      return `${text.replace(head, () => `function ${name}_unused(`)}\nexport function ${name}() { ${answer} }\n`;
    },
    code.replace(/^(const \w+ = )(new )/gm, '$1/* @__PURE__ */ $2'),
  );
}

const LODASH = fileURLToPath(new URL('lodash-es.ts', import.meta.url));

/** Chevrotain without what only whoever writes a grammar needs, and with a few lines for lodash: less than half of its size. */
export const leanChevrotain: Plugin = {
  name: 'lean-chevrotain',
  setup(bundle) {
    // Nothing is used of the package that writes types of trees.
    bundle.onResolve({ filter: /^lodash-es$/ }, ({ importer }) => (/cst-dts-gen/.test(importer) ? undefined : { path: LODASH }));
    bundle.onLoad({ filter: /[\\/]chevrotain[\\/]lib[\\/]src[\\/].*\.js$/ }, ({ path }) => {
      const file = path.replaceAll('\\', '/').split('/chevrotain/lib/src/')[1]!;
      const answers = ANSWERS[file];
      return answers === undefined ? undefined : { contents: answering(readFileSync(path, 'utf8'), file, answers), loader: 'js' };
    });
  },
};
