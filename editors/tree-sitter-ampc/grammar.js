/// <reference types="tree-sitter-cli/dsl" />
// The grammar of .amp files for editors that highlight and fold by tree-sitter. The compiler's own is src/parser/; a test parses every example
// and spec with both and compares the trees (test/editors/tree-sitter.test.ts).

const PREC = { or: 1, and: 2, not: 3, compare: 4, add: 5, multiply: 6, minus: 7, postfix: 8 };

const OPERATORS = [
  ['or', PREC.or],
  ['and', PREC.and],
  ['==', PREC.compare],
  ['!=', PREC.compare],
  ['<', PREC.compare],
  ['<=', PREC.compare],
  ['>', PREC.compare],
  ['>=', PREC.compare],
  ['+', PREC.add],
  ['-', PREC.add],
  ['*', PREC.multiply],
  ['/', PREC.multiply],
  ['%', PREC.multiply],
];

/** Items with commas between them, and perhaps one behind the last. */
const list = (item) => optional(seq(item, repeat(seq(',', item)), optional(',')));

module.exports = grammar({
  name: 'ampc',

  word: ($) => $.name,

  extras: ($) => [/[ \t\r\n\ufeff]/, $.comment],

  supertypes: ($) => [$._expression],

  rules: {
    file: ($) => repeat(choice($.use, $.dataset, $.model, $.block, $.precision, $.train, $.let)),

    // Sections.
    use: ($) => seq('use', field('path', $.string)),

    dataset: ($) =>
      seq('dataset', field('name', $.name), optional(field('arguments', $.arguments)), optional(seq('{', repeat($.dataset_item), '}'))),
    dataset_item: ($) => seq(field('name', $.name), optional(field('arguments', $.arguments))),

    model: ($) =>
      seq(
        'model',
        field('name', $.name),
        '(',
        optional(seq($.input, repeat(seq(',', $.input)))),
        ')',
        '->',
        field('output', $.list),
        field('body', $.body),
      ),
    input: ($) => seq(field('name', $.name), ':', field('shape', choice($.list, $.property))),

    block: ($) =>
      seq('block', field('name', $.name), '(', optional(seq($.parameter, repeat(seq(',', $.parameter)))), ')', field('body', $.body)),
    parameter: ($) => seq(field('name', $.name), optional(seq('=', field('default', $._operation)))),

    precision: ($) => seq('precision', '{', repeat(choice($.keep, $.setting)), '}'),
    train: ($) => seq('train', '{', repeat(choice($.init, $.freeze, $.parameter_group, $.aux_loss, $.setting)), '}'),

    // Lines of sections.
    setting: ($) => seq(field('name', $.name), field('value', $._operation)),
    keep: ($) => seq('keep', field('pattern', $._pattern), 'in', field('format', $.name)),
    init: ($) => seq('init', field('pattern', $._pattern), field('value', $._operation)),
    freeze: ($) => seq('freeze', field('pattern', $._pattern), optional($._when)),
    _when: ($) => seq(choice('until', 'after'), field('count', $._operation), optional('steps')),
    parameter_group: ($) =>
      seq('group', field('pattern', $._pattern), optional(seq('in', field('within', $._pattern))), '{', repeat($.setting), '}'),
    aux_loss: ($) => seq('aux_loss', field('output', $.name), field('value', $._operation)),
    _pattern: ($) => choice($.name, $.string),

    // Bodies and pipelines.
    let: ($) => seq('let', field('name', choice($.name, $.names)), '=', field('value', $._expression)),
    names: ($) => seq('[', $.name, repeat(seq(',', $.name)), ']'),
    body: ($) => seq('{', repeat($.let), optional(field('result', $._expression)), '}'),

    _expression: ($) => choice($.pipeline, $._operation),
    pipeline: ($) => seq(field('head', $._operation), repeat1(seq('|>', $._stage))),
    _stage: ($) => choice($.stage, $.repeat, $.if_stage),
    stage: ($) => prec.right(seq(field('name', $.name), optional(field('arguments', $.arguments)), optional($.label))),
    label: ($) => seq('as', field('name', $.name)),
    repeat: ($) => prec.right(seq('repeat', $._iterations, field('stages', $.stages), optional($.label))),
    _iterations: ($) =>
      choice(
        field('count', $._operation),
        seq(
          field('variable', $.name),
          'in',
          choice(field('over', $._operation), seq(field('from', $._operation), '..', field('to', $._operation))),
        ),
      ),
    stages: ($) => seq('{', $._stage, repeat(seq('|>', $._stage)), '}'),
    if_stage: ($) =>
      prec.right(seq('if', $._operation, $.stages, repeat(seq('else', 'if', $._operation, $.stages)), optional(seq('else', $.stages)))),

    // Operations.
    _operation: ($) => choice($.unary, $.binary, $._primary),
    unary: ($) => choice(prec(PREC.not, seq('not', $._operation)), prec(PREC.minus, seq('-', $._primary))),
    binary: ($) =>
      choice(
        ...OPERATORS.map(([operator, precedence]) =>
          prec.left(precedence, seq(field('left', $._operation), field('operator', operator), field('right', $._operation))),
        ),
      ),
    _primary: ($) => choice($.property, $.index, $._atom),
    property: ($) => prec(PREC.postfix, seq(field('object', choice($.index, $._atom)), '.', field('name', $.name))),
    index: ($) => prec.right(PREC.postfix, seq(field('object', $._atom), repeat1(seq(token.immediate('['), $._expression, ']')))),
    _atom: ($) => choice($.number, $.name, $.call, $.dataset_value, $.string, $.boolean, $.list, $.group, $.if, $.collect, $.share),
    call: ($) => prec.right(PREC.postfix, seq(field('name', $.name), field('arguments', $.arguments), optional($.label))),
    arguments: ($) => seq('(', list($.argument), ')'),
    argument: ($) => seq(optional(seq(field('name', $.name), ':')), field('value', $._expression)),
    dataset_value: () => 'dataset',
    boolean: () => choice('true', 'false'),
    list: ($) => seq('[', list($._expression), ']'),
    group: ($) => seq('(', $._expression, ')'),
    if: ($) => prec.right(seq('if', $._operation, $.body, repeat(seq('else', 'if', $._operation, $.body)), optional(seq('else', $.body)))),
    collect: ($) => prec.right(seq('collect', $._iterations, field('body', $.body), optional($.label))),
    share: ($) => prec.right(seq('share', $.stage)),

    name: () => /[A-Za-z_][A-Za-z0-9_]*/,
    number: () => /\d+(\.\d+)?([eE][+-]?\d+)?/,
    string: () => /"[^"\n\r]*"/,
    comment: () => token(/#[^\n\r]*/),
  },
});
