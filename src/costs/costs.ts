import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { userError } from '../diagnostics/diagnostic.js';
import { cacheFolder, notKept, openCache } from '../files/cache-folder.js';
import { readOwnFile } from '../files/own-file.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import { VERSION } from '../files/version.js';
import { COSTS_FORMAT, type CostRates, type CostTable, type KernelCost } from '../plan/cost-table.js';
import type { BackendInfo } from '../runtime/backend.js';

const SCHEMA = new URL('../../schemas/costs.schema.json', import.meta.url);

// Takes longer to load than most commands to run.
const loadAjv = () => createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');

let validator: ValidateFunction | undefined;

function problemOf(value: unknown): string | undefined {
  const { Ajv2020 } = loadAjv();
  validator ??= new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);
  const validate = validator;
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  return `${error?.instancePath || 'the file'} ${error?.message}`;
}

/** Details of a backend that no time depends on. */
const IRRELEVANT = new Set(['cache', 'addon']);

let revision: string | undefined;

/** Changes whenever the code changes that makes kernels, calls them, or decides what runs as one. */
function codeRevision(): string {
  if (revision !== undefined) return revision;
  const hash = createHash('sha256');
  for (const folder of ['codegen', 'plan', 'runtime']) {
    const root = new URL(`../${folder}/`, import.meta.url);
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort())
      if (/\.[jt]s$/.test(name)) hash.update(name).update(readFileSync(new URL(name, root)));
  }
  revision = hash.digest('hex').slice(0, 12);
  return revision;
}

/** Everything that a kernel's time depends on besides the kernel. */
export function machineOf(info: BackendInfo, threads = 0): Readonly<Record<string, string>> {
  const details = Object.entries(info.details ?? {}).filter(([name]) => !IRRELEVANT.has(name));
  const count = threads === 0 ? availableParallelism() : threads;
  const ampc = `${VERSION} ${codeRevision()}`;
  return { backend: info.name, device: info.device ?? 'unknown', ...Object.fromEntries(details), threads: String(count), ampc };
}

function nameOf(machine: CostTable['machine']): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(Object.entries(machine).sort()))
    .digest('hex')
    .slice(0, 16);
  return `${machine.backend}-${hash}.json`;
}

/** A table as ampc keeps it: behind a hash of it, so that damage anywhere is found without a schema. */
function sealed(table: CostTable): string {
  const text = JSON.stringify(table, undefined, 2);
  return `${createHash('sha256').update(text).digest('hex')}\n${text}\n`;
}

function unsealed(text: string): CostTable | undefined {
  const table = text.slice(text.indexOf('\n') + 1, -1);
  if (text !== `${createHash('sha256').update(table).digest('hex')}\n${table}\n`) return undefined;
  const value = JSON.parse(table) as CostTable;
  return value.format === COSTS_FORMAT ? value : undefined;
}

/** A table of costs that somebody wrote or kept. Throws UserError AMP6014. */
export async function readCosts(path: string): Promise<CostTable> {
  const refuse = (why: string) =>
    userError(
      'AMP6014',
      `${path} is no table of costs`,
      why,
      'schemas/costs.schema.json describes one; `ampc tune FILE --table --json` prints one',
    );
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw refuse(fileReason(error));
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const problem = problemOf(value);
  if (problem !== undefined) throw refuse(problem);
  return value as CostTable;
}

/**
 * What was measured on a machine before; undefined when nothing was. A file that is damaged, or that others can write to, counts as none.
 */
export async function cachedCosts(machine: CostTable['machine']): Promise<CostTable | undefined> {
  const folder = cacheFolder('costs');
  const bytes = folder === undefined ? undefined : await readOwnFile(join(folder, nameOf(machine)));
  return bytes === undefined ? undefined : unsealed(bytes.toString('utf8'));
}

/**
 * Adds measured kernels to the machine's table, over those of the same key, and keeps it; `onNotice` is told where it cannot be kept.
 * Returns the whole table. Throws UserError when a place for it was named that cannot be used.
 */
export async function keepCosts(
  machine: CostTable['machine'],
  rates: CostRates,
  kernels: Readonly<Record<string, KernelCost>>,
  onNotice?: (text: string) => void,
): Promise<CostTable> {
  const before = await cachedCosts(machine);
  const table: CostTable = { format: COSTS_FORMAT, machine, rates, kernels: { ...before?.kernels, ...kernels } };
  try {
    await writeTable(join(await openCache('costs'), nameOf(machine)), table);
  } catch (error) {
    const notice = notKept(error, 'what was measured is');
    onNotice?.(notice);
  }
  return table;
}

async function writeTable(path: string, table: CostTable): Promise<void> {
  try {
    // What is nothing to trust must lend the new file neither its owner nor its permissions.
    if ((await readOwnFile(path)) === undefined) await rm(path, { recursive: true, force: true });
    await replaceFile(path, sealed(table));
    await chmod(path, 0o600);
  } catch (error) {
    throw userError(
      'AMP6024',
      `the cache ${path} cannot be written`,
      fileReason(error),
      'make room there, or set AMPC_CACHE to a folder that you can write to',
    );
  }
}
