import type { Span } from '../diagnostics/diagnostic.js';
import { NO_EXPR } from './argument-grammar.js';
import type * as ast from './ast.js';
import { NO_BODY } from './body-grammar.js';
import { SettingsParser } from './settings-grammar.js';
import * as t from './tokens.js';

/** Those whose half is a section. */
const SECTION_RULES = ['dataset', 'model', 'block', 'precision', 'train', 'let'] as const satisfies readonly ast.Section['kind'][];

/** The grammar of a file and of those sections that are no settings. */
export class AmpParser extends SettingsParser {
  constructor(validate = false) {
    super(validate);
    this.performSelfAnalysis();
  }

  readonly file = this.RULE(
    'file',
    (): ast.AmpFile => {
      const sections: ast.Section[] = [];
      const read = () => {
        this.MANY(() => {
          const section = this.OR<ast.Section | undefined>([
            { ALT: () => this.SUBRULE(this.use) },
            { ALT: () => this.SUBRULE(this.dataset) },
            { ALT: () => this.SUBRULE(this.model) },
            { ALT: () => this.SUBRULE(this.block) },
            { ALT: () => this.SUBRULE(this.precision) },
            { ALT: () => this.SUBRULE(this.train) },
            { ALT: () => this.SUBRULE(this.let) },
          ]);
          this.ACTION(() => {
            if (section !== undefined) sections.push(section);
          });
        });
        return { sections };
      };
      return this.keeping('file', read, () => {
        const last = SECTION_RULES.map((rule) => this.readOf<ast.Section>(rule)).find((section) => section !== undefined);
        return { sections: last === undefined ? sections : [...sections, last] };
      });
    },
    { recoveryValueFunc: () => this.readOf('file') ?? { sections: [] } },
  );

  private readonly use = this.RULE(
    'use',
    (): ast.UseSection | undefined => {
      const start = this.start();
      this.CONSUME(t.Use);
      const written = this.nameOf(this.CONSUME(t.StringToken));
      return { kind: 'use', path: { ...written, text: written.text.slice(1, -1) }, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  /** A list, or `dataset.shape`. */
  private readonly shape = this.RULE(
    'shape',
    (): ast.Expr => {
      return this.OR<ast.Expr>([
        { ALT: () => this.SUBRULE(this.list) },
        {
          ALT: () => {
            const start = this.start();
            this.CONSUME(t.DatasetValue);
            const object: ast.Expr = { kind: 'dataset', span: this.spanFrom(start) };
            this.CONSUME(t.Dot);
            const name = this.nameOf(this.CONSUME(t.Name));
            return { kind: 'property', object, name, span: this.spanFrom(start) };
          },
        },
      ]);
    },
    { recoveryValueFunc: () => NO_EXPR },
  );

  /** Reads a section with a body; of one that breaks off, with what there is of that. */
  private keepingBody<S extends ast.ModelSection | ast.BlockSection>(
    rule: S['kind'],
    read: () => S,
    half: (body: ast.Body) => S | undefined,
  ): S | undefined {
    return this.keeping<S | undefined>(rule, read, () => half(this.readOf<ast.Body>('body') ?? NO_BODY));
  }

  private readonly model = this.RULE(
    'model',
    (): ast.ModelSection | undefined => {
      const start = this.start();
      const inputs: { name: ast.Name; shape: ast.Expr; span: Span }[] = [];
      let name: ast.Name | undefined;
      let output = NO_EXPR;
      const read = (): ast.ModelSection => {
        this.CONSUME(t.Model);
        const own = this.nameOf(this.CONSUME(t.Name));
        name = own;
        this.CONSUME(t.LeftParen);
        this.MANY_SEP({
          SEP: t.Comma,
          DEF: () => {
            const inputStart = this.start();
            const input = this.nameOf(this.CONSUME2(t.Name));
            this.CONSUME(t.Colon);
            const shape = this.SUBRULE(this.shape);
            const span = this.spanFrom(inputStart);
            this.ACTION(() => inputs.push({ name: input, shape, span }));
          },
        });
        this.CONSUME(t.RightParen);
        this.CONSUME(t.Arrow);
        output = this.SUBRULE2(this.list);
        const body = this.SUBRULE(this.body);
        return { kind: 'model', name: own, inputs, output, body, span: this.spanFrom(start) };
      };
      return this.keepingBody('model', read, (body) => name && { kind: 'model', name, inputs, output, body, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => this.readOf('model') },
  );

  private readonly block = this.RULE(
    'block',
    (): ast.BlockSection | undefined => {
      const start = this.start();
      const params: ast.Param[] = [];
      let name: ast.Name | undefined;
      const read = (): ast.BlockSection => {
        this.CONSUME(t.Block);
        const own = this.nameOf(this.CONSUME(t.Name));
        name = own;
        this.CONSUME(t.LeftParen);
        this.MANY_SEP({
          SEP: t.Comma,
          DEF: () => {
            const paramStart = this.start();
            const param = this.nameOf(this.CONSUME2(t.Name));
            let value: ast.Expr | undefined;
            this.OPTION(() => {
              this.CONSUME(t.Equal);
              value = this.SUBRULE(this.operation);
            });
            const span = this.spanFrom(paramStart);
            this.ACTION(() => params.push({ name: param, default: value, span }));
          },
        });
        this.CONSUME(t.RightParen);
        const body = this.SUBRULE(this.body);
        return { kind: 'block', name: own, params, body, span: this.spanFrom(start) };
      };
      return this.keepingBody('block', read, (body) => name && { kind: 'block', name, params, body, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => this.readOf('block') },
  );
}
