import type { Arg, Body, Expr, Let, Name, RepeatStage, Section, Stage } from '../../src/parser/ast.js';

/** The tree as s-expressions, one section a line group: compact enough to read in a spec. */
export function printAst(sections: readonly Section[]): string {
  return `${sections.map((section) => lines(section, 0)).join('\n')}\n`;
}

function lines(section: Section, depth: number): string {
  const pad = '  '.repeat(depth);
  switch (section.kind) {
    case 'use':
      return `(use ${section.path.text})`;
    case 'let':
      return `${pad}(let ${target(section)} ${expr(section.value)})`;
    case 'dataset':
    case 'precision':
    case 'train': {
      const head = section.kind === 'dataset' ? `dataset ${section.name.text}` : section.kind;
      const items = section.items.map((item) => {
        if (item.kind === 'keep') return `(keep ${item.pattern.text} ${item.format.text})`;
        if (item.kind === 'setting') return `(set ${item.name.text} ${expr(item.value)})`;
        if (item.kind === 'aux_loss') return `(aux_loss ${item.name.text} ${expr(item.value)})`;
        if (item.kind === 'parameter_group') {
          const settings = item.items.map((one) => ` (set ${one.name.text} ${expr(one.value)})`);
          return `(group ${item.pattern.text}${item.within === undefined ? '' : ` in ${item.within.text}`}${settings.join('')})`;
        }
        if (item.when !== undefined) {
          const { kind, count, unit } = item.when;
          return `(${item.kind} ${item.pattern.text} ${kind} ${expr(count)}${unit === 'steps' ? ' steps' : ''})`;
        }
        return `(${item.kind} ${item.pattern.text}${item.value === undefined ? '' : ` ${expr(item.value)}`})`;
      });
      return `(${[head, ...items].join('\n  ')})`;
    }
    case 'model': {
      const inputs = section.inputs.map((input) => `${input.name.text} ${expr(input.shape)}`).join(' ');
      return `(model ${section.name.text} (${inputs}) ${expr(section.output)}\n${body(section.body)})`;
    }
    case 'block': {
      const params = section.params.map((param) =>
        param.default === undefined ? param.name.text : `(${param.name.text} ${expr(param.default)})`,
      );
      return `(block ${section.name.text} (${params.join(' ')})\n${body(section.body)})`;
    }
  }
}

function target({ names, isList }: Let): string {
  const list = names.map((name) => name.text).join(' ');
  return isList ? `[${list}]` : list;
}

function labelled(label: Name | undefined, text: string): string {
  return label === undefined ? text : `(as ${label.text} ${text})`;
}

function iterations({ variable, over }: Pick<RepeatStage, 'variable' | 'over'>): string {
  const times =
    over.kind === 'count' ? expr(over.count) : over.kind === 'each' ? expr(over.list) : `(.. ${expr(over.from)} ${expr(over.to)})`;
  return `${variable === undefined ? '' : `${variable.text} `}${times}`;
}

function body(part: Body): string {
  const items = part.lets.map((item) => lines(item, 1));
  return [...items, part.result === undefined ? '  ()' : `  ${expr(part.result, '\n    ')}`].join('\n');
}

function inline(part: Body): string {
  return `{${[...part.lets.map((item) => lines(item, 0)), part.result === undefined ? '' : expr(part.result)].join(' ')}}`;
}

function args(list: readonly Arg[]): string {
  return list.map((arg) => (arg.name === undefined ? ` ${expr(arg.value)}` : ` ${arg.name.text}: ${expr(arg.value)}`)).join('');
}

function expr(part: Expr, separator = ' '): string {
  switch (part.kind) {
    case 'number':
    case 'boolean':
      return String(part.value);
    case 'string':
      return JSON.stringify(part.value);
    case 'name':
      return part.name.text === '' ? '?' : part.name.text;
    case 'dataset':
      return 'dataset';
    case 'property':
      return `(. ${expr(part.object)} ${part.name.text})`;
    case 'index':
      return `(@ ${[part.object, ...part.indices].map((item) => expr(item)).join(' ')})`;
    case 'list':
      return `[${part.items.map((item) => expr(item)).join(' ')}]`;
    case 'group':
      return expr(part.inner);
    case 'unary':
      return `(${part.operator} ${expr(part.operand)})`;
    case 'binary':
      return `(${part.operator} ${expr(part.left)} ${expr(part.right)})`;
    case 'call':
      return labelled(part.label, `(${part.callee.text}${args(part.args)})`);
    case 'share':
      return `(share ${stage(part.stage)})`;
    case 'collect':
      return labelled(part.label, `(collect ${iterations(part)} ${inline(part.body)})`);
    case 'if': {
      const branches = part.branches.map((branch) => `${expr(branch.condition)} ${inline(branch.body)}`);
      return `(if ${[...branches, ...(part.otherwise === undefined ? [] : [inline(part.otherwise)])].join(' ')})`;
    }
    case 'pipeline':
      return `(|> ${[expr(part.head), ...part.stages.map(stage)].join(separator)})`;
  }
}

function stage(part: Stage): string {
  const chain = (stages: readonly Stage[]) => `{${stages.map(stage).join(' ')}}`;
  switch (part.kind) {
    case 'stage': {
      return labelled(part.label, part.args.length === 0 ? part.callee.text : `(${part.callee.text}${args(part.args)})`);
    }
    case 'repeat':
      return labelled(part.label, `(repeat ${iterations(part)} ${chain(part.stages)})`);
    case 'if-stage': {
      const branches = part.branches.map((branch) => `${expr(branch.condition)} ${chain(branch.stages)}`);
      return `(if ${[...branches, ...(part.otherwise === undefined ? [] : [chain(part.otherwise)])].join(' ')})`;
    }
  }
}
