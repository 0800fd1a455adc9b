import type { IToken } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.js';
import type * as ast from './ast.js';
import { ExpressionParser } from './expression-grammar.js';
import * as t from './tokens.js';

/** The grammar of a file: its sections and their settings. */
export class AmpParser extends ExpressionParser {
  constructor(validate = false) {
    super(validate);
    this.performSelfAnalysis();
  }

  readonly file = this.RULE('file', (): ast.AmpFile => {
    const sections: ast.Section[] = [];
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
  });

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

  private readonly dataset = this.RULE(
    'dataset',
    (): ast.DatasetSection | undefined => {
      const start = this.start();
      this.CONSUME(t.Dataset);
      const name = this.nameOf(this.CONSUME(t.Name));
      const items: ast.SettingItem[] = [];
      this.OPTION(() => {
        this.CONSUME(t.LeftBrace);
        this.MANY(() => {
          const item = this.SUBRULE(this.datasetItem);
          this.ACTION(() => {
            if (item !== undefined) items.push(item);
          });
        });
        this.CONSUME(t.RightBrace);
      });
      return { kind: 'dataset', name, items, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly datasetItem = this.RULE(
    'datasetItem',
    (): ast.SettingItem | undefined => {
      const start = this.start();
      const name = this.nameOf(this.CONSUME(t.Name));
      let args: readonly ast.Arg[] | undefined;
      this.OPTION(() => {
        args = this.SUBRULE(this.args);
      });
      const span = this.spanFrom(start);
      const value: ast.Expr =
        args === undefined ? { kind: 'name', name, span } : { kind: 'call', callee: name, args, label: undefined, span };
      return { kind: 'setting', name, value, span };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly precision = this.RULE(
    'precision',
    (): ast.PrecisionSection | undefined => {
      const start = this.start();
      const items: (ast.SettingItem | ast.KeepItem)[] = [];
      this.CONSUME(t.Precision);
      this.CONSUME(t.LeftBrace);
      this.MANY(() => {
        const item = this.OR<ast.SettingItem | ast.KeepItem | undefined>([
          { ALT: () => this.SUBRULE(this.keep) },
          { ALT: () => this.SUBRULE(this.setting) },
        ]);
        this.ACTION(() => {
          if (item !== undefined) items.push(item);
        });
      });
      this.CONSUME(t.RightBrace);
      return { kind: 'precision', items, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly keep = this.RULE(
    'keep',
    (): ast.KeepItem | undefined => {
      const start = this.start();
      this.CONSUME(t.Keep);
      const pattern = this.SUBRULE(this.pattern);
      this.CONSUME(t.In);
      const format = this.nameOf(this.CONSUME(t.Name));
      return this.ACTION(() => pattern && { kind: 'keep', ...pattern, format, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => undefined },
  );

  /** A name, or a pattern in quotes. */
  private readonly pattern = this.RULE(
    'pattern',
    (): Pick<ast.KeepItem, 'pattern' | 'quoted'> | undefined => {
      let quoted = false;
      const token = this.OR<IToken>([
        { ALT: () => this.CONSUME(t.Name) },
        {
          ALT: () => {
            quoted = true;
            return this.CONSUME(t.StringToken);
          },
        },
      ]);
      return this.ACTION(() => {
        const written = this.nameOf(token);
        return { pattern: quoted ? { ...written, text: written.text.slice(1, -1) } : written, quoted };
      });
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly initItem = this.RULE(
    'initItem',
    (): ast.ParameterItem | undefined => {
      const start = this.start();
      this.CONSUME(t.Name);
      const pattern = this.SUBRULE(this.pattern);
      const value = this.SUBRULE(this.operation);
      return this.ACTION(() => pattern && { kind: 'init', ...pattern, value, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly freezeItem = this.RULE(
    'freezeItem',
    (): ast.ParameterItem | undefined => {
      const start = this.start();
      this.CONSUME(t.Name);
      const pattern = this.SUBRULE(this.pattern);
      return this.ACTION(() => pattern && { kind: 'freeze', ...pattern, value: undefined, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly train = this.RULE(
    'train',
    (): ast.TrainSection | undefined => {
      const start = this.start();
      const items: (ast.SettingItem | ast.ParameterItem)[] = [];
      this.CONSUME(t.Train);
      this.CONSUME(t.LeftBrace);
      this.MANY(() => {
        // `init` and `freeze` are words here alone; elsewhere they are names.
        const item = this.OR<ast.SettingItem | ast.ParameterItem | undefined>({
          MAX_LOOKAHEAD: 1,
          IGNORE_AMBIGUITIES: true,
          DEF: [
            { GATE: () => this.LA(1).image === 'init', ALT: () => this.SUBRULE(this.initItem) },
            { GATE: () => this.LA(1).image === 'freeze', ALT: () => this.SUBRULE(this.freezeItem) },
            { ALT: () => this.SUBRULE(this.setting) },
          ],
        });
        this.ACTION(() => {
          if (item !== undefined) items.push(item);
        });
      });
      this.CONSUME(t.RightBrace);
      return { kind: 'train', items, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly setting = this.RULE(
    'setting',
    (): ast.SettingItem | undefined => {
      const start = this.start();
      const name = this.nameOf(this.CONSUME(t.Name));
      const value = this.SUBRULE(this.operation);
      return { kind: 'setting', name, value, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly model = this.RULE(
    'model',
    (): ast.ModelSection | undefined => {
      const start = this.start();
      const inputs: { name: ast.Name; shape: ast.Expr; span: Span }[] = [];
      this.CONSUME(t.Model);
      const name = this.nameOf(this.CONSUME(t.Name));
      this.CONSUME(t.LeftParen);
      this.MANY_SEP({
        SEP: t.Comma,
        DEF: () => {
          const inputStart = this.start();
          const input = this.nameOf(this.CONSUME2(t.Name));
          this.CONSUME(t.Colon);
          const shape = this.SUBRULE(this.list);
          const span = this.spanFrom(inputStart);
          this.ACTION(() => inputs.push({ name: input, shape, span }));
        },
      });
      this.CONSUME(t.RightParen);
      this.CONSUME(t.Arrow);
      const output = this.SUBRULE2(this.list);
      const body = this.SUBRULE(this.body);
      return { kind: 'model', name, inputs, output, body, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly block = this.RULE(
    'block',
    (): ast.BlockSection | undefined => {
      const start = this.start();
      const params: ast.Param[] = [];
      this.CONSUME(t.Block);
      const name = this.nameOf(this.CONSUME(t.Name));
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
      return { kind: 'block', name, params, body, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );
}
