import type { IToken } from 'chevrotain';
import type * as ast from './ast.js';
import { BodyParser } from './body-grammar.js';
import * as t from './tokens.js';

/** The grammar of sections of settings. */
export class SettingsParser extends BodyParser {
  protected readonly dataset = this.RULE(
    'dataset',
    (): ast.DatasetSection | undefined => {
      const start = this.start();
      const items: ast.SettingItem[] = [];
      let name: ast.Name | undefined;
      let args: readonly ast.Arg[] | undefined;
      const read = (): ast.DatasetSection => {
        this.CONSUME(t.Dataset);
        const own = this.nameOf(this.CONSUME(t.Name));
        name = own;
        this.OPTION(() => {
          args = this.SUBRULE(this.args);
        });
        this.OPTION2(() => {
          this.CONSUME(t.LeftBrace);
          this.MANY(() => {
            const item = this.SUBRULE(this.datasetItem);
            this.ACTION(() => {
              if (item !== undefined) items.push(item);
            });
          });
          this.CONSUME(t.RightBrace);
        });
        return { kind: 'dataset', name: own, args, items, span: this.spanFrom(start) };
      };
      return this.keeping<ast.DatasetSection | undefined>(
        'dataset',
        read,
        () => name && { kind: 'dataset', name, args: args ?? this.readOf('args'), items, span: this.spanFrom(start) },
      );
    },
    { recoveryValueFunc: () => this.readOf('dataset') },
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

  protected readonly precision = this.RULE(
    'precision',
    (): ast.PrecisionSection | undefined => {
      const start = this.start();
      const items: (ast.SettingItem | ast.KeepItem)[] = [];
      const section = (): ast.PrecisionSection => ({ kind: 'precision', items, span: this.spanFrom(start) });
      const read = () => {
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
        return section();
      };
      return this.keeping<ast.PrecisionSection | undefined>('precision', read, section);
    },
    { recoveryValueFunc: () => this.readOf('precision') },
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
      let when: ast.ParameterItem['when'];
      this.OPTION({
        GATE: () => this.LA(1).image === 'until' || this.LA(1).image === 'after',
        DEF: () => {
          const { text, span } = this.nameOf(this.CONSUME2(t.Name));
          const count = this.SUBRULE(this.operation);
          const steps = this.OPTION2({ GATE: () => this.LA(1).image === 'steps', DEF: () => this.CONSUME3(t.Name) });
          this.ACTION(() => {
            when = { kind: text === 'until' ? 'until' : 'after', span, count, unit: steps === undefined ? 'epochs' : 'steps' };
          });
        },
      });
      return this.ACTION(() => pattern && { kind: 'freeze', ...pattern, value: undefined, when, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly groupItem = this.RULE(
    'groupItem',
    (): ast.GroupItem | undefined => {
      const start = this.start();
      this.CONSUME(t.Name);
      const pattern = this.SUBRULE(this.pattern);
      let within: ast.GroupItem['within'];
      this.OPTION(() => {
        this.CONSUME(t.In);
        const place = this.SUBRULE2(this.pattern);
        this.ACTION(() => {
          within = place?.pattern;
        });
      });
      const items: ast.SettingItem[] = [];
      this.CONSUME(t.LeftBrace);
      this.MANY(() => {
        const item = this.SUBRULE(this.setting);
        this.ACTION(() => {
          if (item !== undefined) items.push(item);
        });
      });
      this.CONSUME(t.RightBrace);
      return this.ACTION(() => pattern && { kind: 'parameter_group', ...pattern, within, items, span: this.spanFrom(start) });
    },
    { recoveryValueFunc: () => undefined },
  );

  private readonly auxLoss = this.RULE(
    'auxLoss',
    (): ast.AuxLossItem | undefined => {
      const start = this.start();
      let name = this.nameOf(this.CONSUME(t.Name));
      this.ACTION(() => {
        name = { ...name, text: '' };
      });
      // A name with parentheses is a loss whose value is missing, which is said where the line is read.
      this.OPTION({
        GATE: () => this.LA(2).tokenType !== t.LeftParen,
        DEF: () => {
          name = this.nameOf(this.CONSUME2(t.Name));
        },
      });
      const value = this.SUBRULE(this.operation);
      return { kind: 'aux_loss', name, value, span: this.spanFrom(start) };
    },
    { recoveryValueFunc: () => undefined },
  );

  protected readonly train = this.RULE(
    'train',
    (): ast.TrainSection | undefined => {
      const start = this.start();
      const items: ast.TrainSection['items'][number][] = [];
      const section = (): ast.TrainSection => ({ kind: 'train', items, span: this.spanFrom(start) });
      const read = () => {
        this.CONSUME(t.Train);
        this.CONSUME(t.LeftBrace);
        this.MANY(() => {
          // `init`, `freeze`, `group` and `aux_loss` are words here alone; elsewhere they are names.
          const item = this.OR<ast.TrainSection['items'][number] | undefined>({
            MAX_LOOKAHEAD: 1,
            IGNORE_AMBIGUITIES: true,
            DEF: [
              { GATE: () => this.LA(1).image === 'init', ALT: () => this.SUBRULE(this.initItem) },
              { GATE: () => this.LA(1).image === 'freeze', ALT: () => this.SUBRULE(this.freezeItem) },
              { GATE: () => this.LA(1).image === 'group', ALT: () => this.SUBRULE(this.groupItem) },
              { GATE: () => this.LA(1).image === 'aux_loss', ALT: () => this.SUBRULE(this.auxLoss) },
              { ALT: () => this.SUBRULE(this.setting) },
            ],
          });
          this.ACTION(() => {
            if (item !== undefined) items.push(item);
          });
        });
        this.CONSUME(t.RightBrace);
        return section();
      };
      return this.keeping<ast.TrainSection | undefined>('train', read, section);
    },
    { recoveryValueFunc: () => this.readOf('train') },
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
}
