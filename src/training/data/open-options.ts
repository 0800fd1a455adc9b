export interface OpenOptions {
  /** The data folder of a set that is known by name, or the path of the files of another; as `choosePlace` says. */
  readonly place: string | undefined;
  /** The classes that a model was trained for; files with others are refused. */
  readonly classes?: readonly string[] | undefined;
  /** Whether all images are for testing, whatever divides them; there are then no others. */
  readonly whole?: boolean | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Threads that decode pictures; 0: the calling one. By default as many as there are cores. */
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
