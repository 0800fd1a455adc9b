import { pickSettings, type Settings } from '../choose/settings.js';
import type { Diagnostic, Source } from '../diagnostics/diagnostic.js';
import { lintProgram } from '../language/warnings.js';
import { lowerProgram } from '../lower/lower.js';
import { holdsBlocksAlone } from '../lower/sections.js';
import { parseAmp } from '../parser/parse.js';

/** What is known to go wrong with a `.amp` file that has no mistakes. Throws UserError when it has some. */
export function lintSource(source: Source, settings: Settings = {}): readonly Diagnostic[] {
  if (holdsBlocksAlone(parseAmp(source.text).file)) return [];
  return lintProgram(source, lowerProgram(source, { overrides: pickSettings(settings) }));
}
