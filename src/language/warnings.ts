import type { Diagnostic, Source, Span } from '../diagnostics/diagnostic.js';
import { LineIndex } from '../diagnostics/lines.js';
import { sortDiagnostics } from '../diagnostics/render.js';
import { divideEpoch, stepsOfRun, stepsPerEpoch } from '../ir/epoch.js';
import type { Pin } from '../ir/pin.js';
import type { Program } from '../ir/program.js';
import { lint } from '../lint/lint.js';
import type { LintPlace } from '../lint/rule.js';
import type { AmpFile, KeepItem } from '../parser/ast.js';
import { parseAmp } from '../parser/parse.js';
import { resolveScaling } from '../precision/scaling.js';

/** Optimizer steps of the whole run. */
function stepsOf({ recipe }: Program): number {
  const { batch, accumulate, epochs, dropLast } = recipe.train;
  const { images } = recipe.dataset;
  return stepsOfRun(stepsPerEpoch(divideEpoch(images?.train ?? 0, batch, accumulate, dropLast)), epochs);
}

/** The line that made a pin; undefined of one that no line of the file made. */
export function keepItem({ pattern, origin }: Pin, { sections }: AmpFile, lines: LineIndex): KeepItem | undefined {
  if (origin.kind !== 'file') return undefined;
  const items = sections.flatMap((section) => (section.kind === 'precision' ? section.items : []));
  const isPin = (item: (typeof items)[number]): item is KeepItem => item.kind === 'keep' && item.pattern.text === pattern;
  return items.filter(isPin).find(({ span }) => lines.position(span.start).line === origin.line);
}

/** The text that a finding is about; what is not written there, such as a default or an override, has no place. */
function spanOf(place: LintPlace, file: AmpFile, lines: LineIndex): Span | undefined {
  switch (place.kind) {
    case 'setting': {
      const section = file.sections.find((candidate) => candidate.kind === place.section);
      if (section === undefined || (section.kind !== 'precision' && section.kind !== 'train')) return undefined;
      return section.items.find((item) => item.kind === 'setting' && item.name.text === place.name)?.span;
    }
    case 'pin':
      return keepItem(place.pin, file, lines)?.span;
    case 'layer': {
      const start = lines.offset(place.loc);
      const word = /^\w+(\([^()]*\))?/.exec(lines.text.slice(start));
      return { start, end: start + (word?.[0].length ?? 1) };
    }
  }
}

/**
 * All warnings about a program that `lowerProgram` made from `source`: about what its text says, and what is known to go wrong with it.
 * `file`: the tree of the text, where it is at hand.
 */
export function programWarnings(source: Source, program: Program, file?: AmpFile): readonly Diagnostic[] {
  return [...(program.warnings ?? []), ...lintProgram(source, program, file)];
}

/** What is known to go wrong with a program that `lowerProgram` made from `source`, in source order. */
export function lintProgram(source: Source, program: Program, file: AmpFile = parseAmp(source.text).file): readonly Diagnostic[] {
  const lines = new LineIndex(source.text);
  const scaling = resolveScaling(program.recipe.precision);
  const findings = lint({ recipe: program.recipe, scaling, forward: program.train, steps: stepsOf(program) });
  return sortDiagnostics(
    findings.map(({ code, message, why, fix, place }): Diagnostic => {
      const span = place && spanOf(place, file, lines);
      return { code, severity: 'warning', message, why, fix, ...(span && { span }) };
    }),
  );
}
