import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';
import { COSTS_FORMAT, type CostRates, type CostTable, type KernelCost } from '../plan/cost-table.js';
import type { BackendInfo } from '../runtime/backend.js';
import { costsFolder } from '../runtime/cache-folder.js';
import { VERSION } from './version.js';

const SCHEMA = new URL('../../schemas/costs.schema.json', import.meta.url);

// Takes longer to load than most commands to run.
const loadAjv = () => createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');

function problemOf(value: unknown): string | undefined {
  const { Ajv2020 } = loadAjv();
  const validate = new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);
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

/** One line for a person: `cpu, AMD EPYC (2 cores, AVX-512 with BF16), 2 threads`. */
export function costsName({ machine }: Pick<CostTable, 'machine'>): string {
  const { backend, device, threads } = machine;
  const parts = [backend, device, threads && `${threads} ${threads === '1' ? 'thread' : 'threads'}`];
  return parts.filter(Boolean).join(', ') || 'a table without a machine';
}

function pathOf(machine: CostTable['machine']): string {
  const hash = createHash('sha256')
    .update(JSON.stringify(Object.entries(machine).sort()))
    .digest('hex')
    .slice(0, 16);
  return join(costsFolder(), `${machine.backend}-${hash}.json`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** What ampc itself wrote needs no schema. */
function parseOwnTable(text: string): CostTable | undefined {
  try {
    const value = JSON.parse(text) as Partial<CostTable>;
    return value.format === COSTS_FORMAT && value.rates !== undefined && value.kernels !== undefined ? (value as CostTable) : undefined;
  } catch {
    return undefined;
  }
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

/** What was measured on a machine before; undefined when nothing was. A damaged file counts as none. */
export async function cachedCosts(machine: CostTable['machine']): Promise<CostTable | undefined> {
  const text = await readIfThere(pathOf(machine));
  return text === undefined ? undefined : parseOwnTable(text);
}

/** Adds measured kernels to the machine's table, over those of the same key. Returns the whole table and where it is. */
export async function keepCosts(
  machine: CostTable['machine'],
  rates: CostRates,
  kernels: Readonly<Record<string, KernelCost>>,
): Promise<CostTable> {
  const path = pathOf(machine);
  try {
    await makeFolder(costsFolder(), 0o700);
    const before = await cachedCosts(machine);
    const table: CostTable = { format: COSTS_FORMAT, machine, rates, kernels: { ...before?.kernels, ...kernels } };
    await replaceFile(path, `${JSON.stringify(table, undefined, 2)}\n`);
    return table;
  } catch (error) {
    throw userError(
      'AMP6024',
      `the cache ${costsFolder()} cannot be used`,
      fileReason(error),
      'set AMPC_CACHE to a folder that you can write to',
    );
  }
}
