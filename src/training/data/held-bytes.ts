/** Bytes of images that are held in memory. */
export interface SupplySizes {
  /** A set of up to so many is held whole, once it is made. */
  readonly whole: number;
  /** Of a larger one. */
  readonly ring: number;
}

export const SUPPLY_SIZES: SupplySizes = { whole: 256 << 20, ring: 64 << 20 };

/** Bytes of memory that the images of a set take. */
export function heldBytes(count: number, bytes: number): number {
  return count * bytes <= SUPPLY_SIZES.whole ? count * bytes : SUPPLY_SIZES.ring;
}
