/** A C struct of 32-bit fields that the host fills: one description for its declaration and for its bytes. */
export interface CRecord<Field extends string> {
  readonly name: string;
  readonly fields: Readonly<Record<Field, 'int32_t' | 'uint32_t' | 'float'>>;
}

const FIELD_BYTES = 4;

export function declareRecord({ name, fields }: CRecord<string>): string {
  return ['typedef struct {', ...Object.entries(fields).map(([field, type]) => `  ${type} ${field};`), `} ${name};`].join('\n');
}

/** Records one behind another, as a C array of them; numbers wrap as C's integer types do. */
export function packRecords<Field extends string>(
  { fields }: CRecord<Field>,
  rows: readonly Readonly<Record<Field, number>>[],
): ArrayBuffer {
  const columns = Object.entries(fields) as [Field, CRecord<Field>['fields'][Field]][];
  const packed = new DataView(new ArrayBuffer(rows.length * columns.length * FIELD_BYTES));
  for (const [i, row] of rows.entries()) {
    for (const [j, [field, type]] of columns.entries()) {
      const at = (i * columns.length + j) * FIELD_BYTES;
      if (type === 'float') packed.setFloat32(at, row[field], true);
      else packed.setUint32(at, row[field], true);
    }
  }
  return packed.buffer;
}
