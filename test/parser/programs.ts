import fc from 'fast-check';

/** Tokens of one program; `join` puts white space and comments between them. */
type Tokens = readonly string[];

const KEYWORDS = new Set([
  'use',
  'dataset',
  'model',
  'block',
  'precision',
  'train',
  'let',
  'repeat',
  'collect',
  'share',
  'in',
  'if',
  'else',
  'as',
  'keep',
  'and',
  'or',
  'not',
  'true',
  'false',
]);

const name = fc.stringMatching(/^[a-z_][a-zA-Z0-9_]{0,12}$/).filter((text) => !KEYWORDS.has(text));
const number = fc.oneof(
  fc.nat(1000).map(String),
  fc.double({ min: 0, max: 1e6, noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? '0' : String(value))),
  fc.constantFrom('1e-3', '5e-4', '1E5', '0.50', '2e+3'),
);

function flat(parts: readonly (Tokens | string)[]): Tokens {
  return parts.flat();
}

function separated(items: readonly Tokens[], separator: string): Tokens {
  return items.flatMap((item, i) => (i === 0 ? item : [separator, ...item]));
}

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });

/** `as NAME`, or nothing. */
const label = optional(name).map((text) => (text === undefined ? [] : ['as', text]));

const target = fc.oneof(
  { weight: 3, arbitrary: name.map((key) => [key]) },
  {
    weight: 1,
    arbitrary: fc
      .array(name, { minLength: 1, maxLength: 3 })
      .map((keys) => ['[', ...keys.flatMap((key, i) => (i === 0 ? [key] : [',', key])), ']']),
  },
);

const { operation, expression, body } = fc.letrec<
  Record<'operation' | 'expression' | 'primary' | 'iterations' | 'stage' | 'stages' | 'body' | 'args' | 'list', Tokens>
>((tie) => ({
  list: fc
    .array(tie('expression'), { maxLength: 4, depthIdentifier: 'expr' })
    .chain((items) => fc.boolean().map((comma) => flat(['[', separated(items, ','), comma && items.length > 0 ? [','] : [], ']']))),
  args: fc
    .tuple(
      fc.array(tie('expression'), { maxLength: 1 }),
      fc.array(fc.tuple(name, tie('expression')), { maxLength: 1, depthIdentifier: 'expr' }),
      fc.boolean(),
    )
    .map(([positional, named, comma]) => {
      const items = [...positional, ...named.map(([key, value]) => flat([[key], ':', value]))];
      return flat(['(', separated(items, ','), comma && items.length > 0 ? [','] : [], ')']);
    }),
  primary: fc.oneof(
    { maxDepth: 2, depthSize: 'xsmall', depthIdentifier: 'expr' },
    number.map((text) => [text]),
    name.map((text) => [text]),
    fc.constantFrom(['true'], ['false'], ['"a string"']),
    tie('list'),
    tie('expression').map((inner) => flat(['(', inner, ')'])),
    fc.tuple(name, tie('args'), label).map(([callee, args, named]) => [callee, ...args, ...named]),
    fc.tuple(name, optional(tie('args')), label).map(([callee, args, named]) => ['share', callee, ...(args ?? []), ...named]),
    fc.tuple(tie('iterations'), tie('body'), label).map(([over, content, named]) => ['collect', ...over, ...content, ...named]),
    fc.tuple(name, name).map(([object, property]) => [object, '.', property]),
    // An index follows without a blank.
    fc.tuple(name, number, name).map(([object, index, property]) => [`${object}[${index}]`, '.', property]),
    fc
      .tuple(tie('operation'), tie('body'), optional(tie('body')))
      .map(([condition, then, otherwise]) => flat(['if', condition, then, otherwise === undefined ? [] : flat(['else', otherwise])])),
  ),
  operation: fc
    .array(
      fc.tuple(
        fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', 'and', 'or'),
        fc.constantFrom('', '-', 'not'),
        tie('primary'),
      ),
      { minLength: 1, maxLength: 2, depthIdentifier: 'expr' },
    )
    .map((terms) =>
      terms.flatMap(([operator, prefix, operand], i) => flat([i === 0 ? [] : [operator], prefix === '' ? [] : [prefix], operand])),
    ),
  iterations: fc
    .tuple(optional(name), tie('operation'), optional(tie('operation')))
    .map(([variable, from, to]) =>
      flat([variable === undefined ? [] : [variable, 'in'], from, variable === undefined || to === undefined ? [] : ['..', ...to]]),
    ),
  stage: fc.oneof(
    { maxDepth: 2, depthSize: 'xsmall', depthIdentifier: 'expr', withCrossShrink: true },
    fc.tuple(name, optional(tie('args')), label).map(([callee, args, named]) => [callee, ...(args ?? []), ...named]),
    fc.tuple(tie('iterations'), tie('stages'), label).map(([over, stages, named]) => ['repeat', ...over, ...stages, ...named]),
    fc
      .tuple(fc.array(fc.tuple(tie('operation'), tie('stages')), { minLength: 1, maxLength: 2 }), optional(tie('stages')))
      .map(([branches, otherwise]) =>
        flat([
          separated(
            branches.map(([condition, stages]) => flat(['if', condition, stages])),
            'else',
          ),
          otherwise === undefined ? [] : ['else', ...otherwise],
        ]),
      ),
  ),
  stages: fc
    .array(tie('stage'), { minLength: 1, maxLength: 2, depthIdentifier: 'expr' })
    .map((stages) => flat(['{', separated(stages, '|>'), '}'])),
  expression: fc
    .tuple(tie('operation'), fc.array(tie('stage'), { maxLength: 3, depthIdentifier: 'expr' }))
    .map(([head, stages]) => [...head, ...stages.flatMap((stage) => ['|>', ...stage])]),
  body: fc
    .tuple(fc.array(fc.tuple(target, tie('expression')), { maxLength: 1 }), tie('expression'))
    .map(([lets, result]) => flat(['{', lets.flatMap(([keys, value]) => ['let', ...keys, '=', ...value]), parenthesized(result), '}'])),
}));

/** After a `let` a result may not start like an operator or an argument list. */
function parenthesized(tokens: Tokens): Tokens {
  return /^[a-z_]/i.test(tokens[0]) && tokens[0] !== 'not' ? tokens : ['x', '|>', 'f', '(', ...tokens, ')'];
}

const setting = fc
  .tuple(
    name.filter((key) => key !== 'init' && key !== 'freeze'),
    operation,
  )
  .map(([key, value]) => [key, ...parenthesizedSetting(value)]);

function parenthesizedSetting(tokens: Tokens): Tokens {
  return tokens[0] === '(' || tokens[0] === '-' ? ['f', '(', ...tokens, ')'] : tokens;
}

const pattern = fc.oneof(name, fc.constant('"stage4.*"'));

const parameterLine = fc.oneof(
  fc.tuple(pattern, operation).map(([key, value]) => ['init', key, ...parenthesizedSetting(value)]),
  pattern.map((key) => ['freeze', key]),
);

const section: fc.Arbitrary<Tokens> = fc.oneof(
  fc.constantFrom(['use', '"ampc/blocks"'], ['use', '"./none.amp"']),
  fc.tuple(target, expression).map(([keys, value]) => ['let', ...keys, '=', ...value]),
  fc.tuple(name, fc.array(fc.tuple(name, optional(operation)), { maxLength: 3 }), body).map(([key, params, content]) =>
    flat([
      'block',
      [key],
      '(',
      separated(
        params.map(([param, value]) => (value === undefined ? [param] : [param, '=', ...value])),
        ',',
      ),
      ')',
      content,
    ]),
  ),
  fc
    .tuple(name, name, body)
    .map(([key, input, content]) =>
      flat(['model', [key], '(', [input], ':', '[', '32', ',', '32', ',', '3', ']', ')', '->', '[', '10', ']', content]),
    ),
  fc.array(fc.oneof(setting, parameterLine), { maxLength: 4 }).map((items) => flat(['train', '{', items.flat(), '}'])),
  fc
    .array(
      fc.oneof(
        setting,
        fc.tuple(pattern, name).map(([key, format]) => ['keep', key, 'in', format]),
      ),
      { maxLength: 4 },
    )
    .map((items) => flat(['precision', '{', items.flat(), '}'])),
  fc
    .tuple(
      name,
      fc.array(
        name.map((key) => [key]),
        { maxLength: 3 },
      ),
    )
    .map(([key, items]) => flat(['dataset', [key], '{', items.flat(), '}'])),
);

const gap = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(' ', '  ') },
  { weight: 2, arbitrary: fc.constantFrom('\n', '\n\n', '\n\n\n  ', '\t', '\r\n') },
  {
    weight: 1,
    arbitrary: fc.stringMatching(/^[ -~]{0,20}$/).chain((text) => fc.constantFrom(` # ${text}\n`, `\n  #${text}\n`, `\n\n# ${text}\n\n`)),
  },
);

/** The text of a program that parses, with white space and comments anywhere between its tokens. */
export const programs: fc.Arbitrary<string> = fc
  .array(section, { maxLength: 4 })
  .map((sections) => sections.flat())
  .chain((tokens) => fc.tuple(fc.constant(tokens), fc.array(gap, { minLength: tokens.length + 1, maxLength: tokens.length + 1 })))
  .map(([tokens, gaps]) => gaps.map((space, i) => space + (tokens[i] ?? '')).join(''));
