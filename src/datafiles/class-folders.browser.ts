/** A path alone: what is a folder of pictures in a page has been read by whoever chose it. */
export const picturesBelow = (path: string): readonly string[] => [path];
