import type { Span } from '../diagnostics/diagnostic.js';
import { suggestName } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import type { Arg } from '../parser/ast.js';

/** Which parameter each argument is for; undefined for a value of the graph, and where there is none. */
export function paramsOf({ params, values: counts }: Signature, args: readonly Arg[]): readonly (string | undefined)[] {
  const positional = args.filter((arg) => arg.name === undefined);
  return args.map((arg) => {
    if (arg.name !== undefined) return arg.name.text;
    return counts === undefined ? params[positional.indexOf(arg)]?.name : undefined;
  });
}

/** What a layer, block or setting can be given. */
export interface Signature {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly required: boolean; readonly doc?: string }[];
  /** Positional arguments are graph values or lists of them, at most so many; parameters then go by name only. */
  readonly values?: { readonly max: number };
  /** Shown when an argument is missing. */
  readonly example?: string;
}

export interface Bound {
  readonly named: ReadonlyMap<string, Arg>;
  readonly values: readonly Arg[];
  /** Whether everything required is there. */
  readonly complete: boolean;
}

/**
 * Pairs arguments with parameters. Reports unknown, duplicate, surplus and missing arguments; an unknown name that is close to a
 * parameter's is taken for it, so that it does not count as missing too.
 */
export function bindArguments(signature: Signature, args: readonly Arg[], call: Span, sink: DiagnosticSink): Bound {
  const { name, params, values: counts } = signature;
  const named = new Map<string, Arg>();
  const values: Arg[] = [];
  const assign = (param: string, arg: Arg) => {
    const first = named.get(param);
    if (first === undefined) named.set(param, arg);
    else
      sink.error('AMP2004', arg.name?.span ?? arg.span, `\`${param}\` of \`${name}\` is given twice`, {
        why: 'an argument is given once, by its position or by its name',
        fix: 'remove one of the two',
        related: [{ span: first.span, message: first.name === undefined ? `this is \`${param}\`, by its position` : 'given here' }],
      });
  };
  let position = 0;
  for (const arg of args) {
    if (arg.name !== undefined) {
      const param = findParam(signature, arg, sink);
      if (param !== undefined) assign(param, arg);
    } else if (counts !== undefined && values.length < counts.max) {
      values.push(arg);
    } else if (counts === undefined && position < params.length) {
      assign(params[position++].name, arg);
    } else {
      sink.error('AMP2005', arg.span, `\`${name}\` has too many arguments`, surplusHelp(signature));
    }
  }
  const missing = params.filter((param) => param.required && !named.has(param.name));
  // The call itself is only shown as incomplete when no argument of it is wrong: a misspelt one may be the missing one.
  if (missing.length > 0) {
    const names = missing.map((param) => param.name);
    sink.error('AMP2003', call, `\`${name}\` needs ${listNames(names, 'and')}`, {
      ...(missing[0].doc !== undefined && { why: missing.map((param) => `\`${param.name}\`: ${param.doc}`).join('\n') }),
      fix: signature.example === undefined ? `add \`${missing[0].name}: …\`` : `such as \`${signature.example}\``,
    });
  }
  return { named, values, complete: missing.length === 0 };
}

function findParam({ name, params }: Signature, arg: Arg, sink: DiagnosticSink): string | undefined {
  const { text, span } = arg.name!;
  const names = params.map((param) => param.name);
  if (text === '' || names.includes(text)) return text === '' ? undefined : text;
  sink.error('AMP2002', span, `\`${name}\` has no argument \`${text}\``, {
    ...(names.length === 0 ? { fix: `\`${name}\` takes no named arguments` } : suggestName({ text, span }, names, 'arguments')),
  });
  return closest(text, names);
}

function surplusHelp({ name, params, values }: Signature): { why: string; fix?: string } {
  const names = params.map((param) => param.name);
  if (values !== undefined)
    return { why: `it takes ${values.max === 1 ? 'one value' : `at most ${values.max} values`} besides the piped one` };
  if (names.length === 0) return { why: `\`${name}\` takes no arguments`, fix: 'remove it' };
  return { why: `its ${names.length === 1 ? 'argument is' : 'arguments are'} ${listNames(names, 'and')}`, fix: 'remove it' };
}
