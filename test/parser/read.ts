import type { Section } from '../../src/parser/ast.js';
import { parseAmp } from '../../src/parser/parse.js';
import { walkBody } from '../../src/parser/walk.js';

export interface ReadSection {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface ReadFile {
  readonly sections: readonly ReadSection[];
  /** The layers and blocks of all pipelines, as `relu@120`: with the place where the name ends. */
  readonly stages: readonly string[];
}

function nameOf(section: Section): string {
  if (section.kind === 'model' || section.kind === 'block') return `${section.kind} ${section.name.text}`;
  return section.kind === 'let' ? `let ${section.names.map(({ text }) => text).join()}` : section.kind;
}

/** What of a text the parser has read. */
export function readOf(text: string): ReadFile {
  const { sections } = parseAmp(text).file;
  const stages: string[] = [];
  for (const section of sections) {
    if (!('body' in section)) continue;
    walkBody(section.body, (site) => {
      if (site.kind === 'stage' && site.callee.text !== '') stages.push(`${site.callee.text}@${site.callee.span.end}`);
      return true;
    });
  }
  return { sections: sections.map((section) => ({ name: nameOf(section), ...section.span })), stages };
}
