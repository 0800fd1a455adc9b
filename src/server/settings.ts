import type { HintOptions } from '../language/hints.js';

/** What a workspace sets under `ampc`, as docs/editors.md lists it. */
export interface EditorSettings {
  /** Which backend to plan for. */
  readonly backend: string;
  readonly hints: HintOptions;
}

export const DEFAULT_SETTINGS: EditorSettings = { backend: 'cpu', hints: { shapes: true, formats: true, casts: true } };

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/**
 * Settings as an editor sends them; what is missing there is as it started with them (`options`), and what is no setting has its default.
 * `inlayHints: false` switches all of them off.
 */
export function readEditorSettings(given: unknown, options?: unknown): EditorSettings {
  const { backend, inlayHints }: Readonly<Record<string, unknown>> = { ...record(options), ...record(given) };
  const hints = record(inlayHints);
  const isOn = (name: keyof HintOptions): boolean => {
    if (inlayHints === false) return false;
    return typeof hints[name] === 'boolean' ? hints[name] : DEFAULT_SETTINGS.hints[name];
  };
  return {
    backend: typeof backend === 'string' ? backend : DEFAULT_SETTINGS.backend,
    hints: { shapes: isOn('shapes'), formats: isOn('formats'), casts: isOn('casts') },
  };
}
