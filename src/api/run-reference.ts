/** The folder of a run, or what `train` resolved to. */
export type RunReference = string | { readonly run: string };

export function runFolder(run: RunReference): string {
  return typeof run === 'string' ? run : run.run;
}
