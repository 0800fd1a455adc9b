import type { LineIndex } from '../diagnostics/lines.js';
import type { OptimizerSpec } from '../ir/optimizer.js';
import { isParameterKind } from '../ir/parameter-kinds.js';
import type { ParameterGroup, TrainSpec } from '../ir/program.js';
import type { GroupItem } from '../parser/ast.js';
import type { Evaluation } from './evaluation.js';
import { ratesInF32 } from './rates.js';
import { chosen, type ResolvedSetting, type ResolvedSettings, readSettings } from './read-settings.js';
import type { Setting, SettingValue } from './setting.js';
import { GROUP_FACTORS, GROUP_OPTIMIZER, GROUP_SCHEDULE, GROUP_WARMUP, numbersOfOptimizer, OPTIMIZER } from './settings.js';

/** What groups have in common with all other parameters. */
export type Common = Pick<TrainSpec, 'optimizer' | 'schedule' | 'warmup' | 'epochs'>;

/** What a line is about, as it is written, and what that means. */
export function meantBy({
  pattern,
  quoted,
  within,
}: Pick<GroupItem, 'pattern' | 'quoted' | 'within'>): Pick<ParameterGroup, 'of' | 'parameters' | 'pattern'> {
  const { text } = pattern;
  if (quoted || !isParameterKind(text)) return { of: text, pattern: text };
  return within === undefined
    ? { of: text, parameters: text }
    : { of: `${text} in ${within.text}`, parameters: text, pattern: within.text };
}

/** The settings that may stand in a line: with an optimizer of its own, the numbers stand in that one's parentheses. */
export function groupSettings(items: GroupItem['items'], optimizer: string): readonly Setting[] {
  const own = items.some(({ name }) => name.text === GROUP_OPTIMIZER.name);
  const common = [GROUP_OPTIMIZER, GROUP_SCHEDULE, GROUP_WARMUP];
  return own ? common : [...common, ...Object.values(GROUP_FACTORS), ...numbersOfOptimizer(optimizer)];
}

/** Settings of a rate, in the line and in its record. */
const RATE_SETTINGS = ['lr', GROUP_FACTORS.lr.name, GROUP_OPTIMIZER.name, GROUP_SCHEDULE.name, GROUP_WARMUP.name];
const DECAY_SETTINGS = ['weight_decay', GROUP_FACTORS.decay.name];

function isWritten(settings: ResolvedSettings, name: string): boolean {
  return settings.get(name)?.span !== undefined;
}

/** The numbers of the optimizer of all, with what the line says in the place of its own. */
function changedOptimizer(item: GroupItem, settings: ResolvedSettings, main: ResolvedSetting, context: Evaluation): OptimizerSpec {
  const { sink } = context;
  const args: Record<string, SettingValue> = { ...main.args };
  const written = (name: string): SettingValue | undefined => (isWritten(settings, name) ? settings.get(name)?.args[name] : undefined);
  for (const { name } of numbersOfOptimizer(main.word)) {
    const value = written(name);
    if (value !== undefined) args[name] = value;
  }
  for (const [name, { name: factor }] of [['lr', GROUP_FACTORS.lr] as const, ['weight_decay', GROUP_FACTORS.decay] as const]) {
    const times = written(factor);
    if (typeof times !== 'number') continue;
    if (isWritten(settings, name))
      sink.error('AMP4009', settings.get(factor)?.span, `\`${name}\` and \`${factor}\` are both given`, {
        why: `\`${factor}\` is a factor on the \`${name}\` of \`${OPTIMIZER.name}\``,
        fix: 'remove one of the two',
      });
    args[name] = Number(args[name]) * times;
  }
  // A decay that the line itself says is meant for all that it names.
  if (DECAY_SETTINGS.some((name) => isWritten(settings, name)) && !isWritten(settings, 'decay_norms')) args.decay_norms = true;
  return OPTIMIZER.words[main.word]!.read(args, { sink, span: item.span });
}

/** The `group` lines. `main`: the optimizer of all, as it is written; `train`: what it is made of. */
export function readGroups(
  items: readonly GroupItem[],
  main: ResolvedSetting,
  train: Common,
  context: Evaluation,
  lines: LineIndex,
): readonly ParameterGroup[] {
  return items.map((item): ParameterGroup => {
    const { sink } = context;
    if (item.within !== undefined && (item.quoted || !isParameterKind(item.pattern.text)))
      sink.error('AMP4003', item.pattern.span, `\`${item.pattern.text}\` is no kind of parameters`, {
        why: '`in` says where the parameters of a kind are, such as `norm_shifts in "stem.*"`',
        fix: `leave out \`in\`: \`group "${item.pattern.text}" { … }\` names parameters or layers by themselves`,
      });
    const settings = readSettings('group', groupSettings(item.items, main.word), item.items, context);
    const own = isWritten(settings, GROUP_OPTIMIZER.name) ? chosen(settings, GROUP_OPTIMIZER, context) : undefined;
    const warmup = settings.get(GROUP_WARMUP.name)?.args[GROUP_WARMUP.name];
    const updates = {
      optimizer: own ?? changedOptimizer(item, settings, main, context),
      schedule: (isWritten(settings, GROUP_SCHEDULE.name) ? chosen(settings, GROUP_SCHEDULE, context) : undefined) ?? train.schedule,
      warmup: typeof warmup === 'number' ? warmup : train.warmup,
    };
    const made = ratesInF32({ ...train, ...updates });
    if (made !== undefined) {
      const { message, ...help } = made;
      sink.error('AMP4012', item.span, message, help);
    }
    const ownRate = RATE_SETTINGS.some((name) => isWritten(settings, name));
    return { ...meantBy(item), line: lines.position(item.span.start).line, ...updates, ownRate };
  });
}
