/** A format of picture files: what it is called, what such files end with, and whether they are read here. */
export interface PictureFormat {
  readonly name: string;
  readonly endings: readonly string[];
  readonly isRead: boolean;
}

/** The picture files there are for ampc. A folder's files of other names are no pictures. */
export const PICTURE_FORMATS: readonly PictureFormat[] = [
  { name: 'JPEG', endings: ['.jpg', '.jpeg', '.jpe', '.jfif'], isRead: true },
  { name: 'PNG', endings: ['.png'], isRead: true },
  { name: 'WebP', endings: ['.webp'], isRead: true },
  { name: 'GIF', endings: ['.gif'], isRead: true },
  { name: 'TIFF', endings: ['.tif', '.tiff'], isRead: true },
  { name: 'AVIF', endings: ['.avif'], isRead: true },
  { name: 'BMP', endings: ['.bmp'], isRead: true },
  { name: 'PPM', endings: ['.ppm', '.pnm'], isRead: true },
  { name: 'PGM', endings: ['.pgm'], isRead: true },
  // Told as what cannot be read, not passed over: telephones make them.
  { name: 'HEIC', endings: ['.heic', '.heif'], isRead: false },
];

const read = PICTURE_FORMATS.filter(({ isRead }) => isRead).map(({ name }) => name);

/** The formats that are read, in words. */
export const READ_FORMATS = `${read.slice(0, -1).join(', ')} or ${read.at(-1)}`;

const ENDINGS: ReadonlySet<string> = new Set(PICTURE_FORMATS.flatMap(({ endings }) => endings));

/** Whether a file is a picture by its name. */
export function isPictureName(name: string): boolean {
  const dot = name.lastIndexOf('.');
  return dot > 0 && ENDINGS.has(name.slice(dot).toLowerCase());
}
