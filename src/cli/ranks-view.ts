import { formatBytes, type PlanReport } from '../index.js';
import type { Output } from './output.js';

/** What ranks exchange in a step, where there are several. */
export function printExchanges({ exchanges }: PlanReport, output: Output): void {
  const own = exchanges.filter((exchange) => exchange.function === 'train_step');
  const [first] = own;
  if (first === undefined) return;
  output.table(
    ['exchange', 'on the wire', 'bytes', 'each rank sends', 'behind', 'awaited by', 'values'],
    own.map(({ bucket, wire, bytes, sentBytes, after, awaitedBy, values }) => [
      String(bucket),
      wire,
      formatBytes(bytes),
      formatBytes(sentBytes),
      after ?? '-',
      awaitedBy ?? 'the end',
      `${values.slice(0, 2).join(', ')}${values.length > 2 ? `, … ${values.length} in all` : ''}`,
    ]),
  );
  const sent = own.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  output.line(
    output.style(
      'dim',
      `${first.ranks} ranks: each sends ${formatBytes(sent)} a step, and sums are taken in f32 in the order of the ranks`,
    ),
  );
  output.line();
}
