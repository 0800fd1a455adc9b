import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { fields, isText, listOf, optional, recordOf } from '../../files/json-form.js';
import { makeFolder } from '../../files/make-folder.js';
import { errorCode, fileReason, isSystemError } from '../../files/reason.js';
import { replaceFile } from '../../files/replace-file.js';
import { isTemporary } from '../../files/temporary.js';
import { VERSION } from '../../files/version.js';
import { splitAtCommas } from '../../parser/split-commas.js';
import { isLock, RunLock } from '../../training/run-lock.js';
import type { Definition } from './definition.js';

/** The file that says which sweep a folder holds. */
export const SWEEP_FILE = 'sweep.json';

const SEEDS = 'seeds';

const LONGEST_NAME = 100;

type Facts = Readonly<Record<string, string>>;

function unusable(dir: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  return userError('AMP6206', `cannot use ${dir} as the folder of several runs`, fileReason(error), 'name another folder with --out');
}

function damaged(path: string, why: string): UserError {
  return userError('AMP6206', `${path} is damaged`, why, 'restore it, or start anew in another folder: --out DIR');
}

/** A run of a sweep by what it is, and the name of its folder. */
interface NamedRun {
  readonly key: string;
  readonly name: string;
}

interface StoredSweep {
  readonly sweep: Facts;
  /** Not in sweeps of older versions. */
  readonly runs?: readonly NamedRun[];
}

const isSweep = fields({ ampc: isText, sweep: recordOf(isText), runs: optional(listOf(fields({ key: isText, name: isText }))) });

async function readStored(path: string): Promise<StoredSweep | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) throw damaged(path, error.message);
    throw error;
  }
  if (!isSweep(value)) throw damaged(path, 'it is not what ampc sweep and ampc train --runs write');
  return value as StoredSweep;
}

function valuesOf(text: string): readonly string[] {
  return splitAtCommas(text).map((value) => value.trim());
}

/**
 * Whether a sweep has all values, or seeds, that it had, and perhaps more. A sweep without seeds had the file's, which is the first of any.
 */
function isWidened(key: string, then: string | undefined, now: string | undefined): boolean {
  if (now === undefined) return false;
  if (then === undefined) return key === SEEDS;
  const values = valuesOf(now);
  return valuesOf(then).every((value) => values.includes(value));
}

/** Throws UserError AMP6207 that names every difference but values and seeds that have come in addition. */
function refuseOther(dir: string, { sweep: then, runs }: StoredSweep, { facts: now, lists }: Pick<Definition, 'facts' | 'lists'>): void {
  const widens = (key: string) => runs !== undefined && lists.includes(key) && isWidened(key, then[key], now[key]);
  const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])].filter((key) => then[key] !== now[key] && !widens(key));
  if (keys.length === 0) return;
  const differences = keys.map((key) =>
    key === 'its text' ? 'the text of the file is another' : `${key} was ${then[key] ?? 'not set'} and is ${now[key] ?? 'not set'}`,
  );
  throw userError(
    'AMP6207',
    `${dir} holds other runs`,
    differences.join('; '),
    'call it as it was begun to go on with it, with more values, seeds or runs to widen it, or name another folder for these: --out DIR',
  );
}

/** Names that runs have, each by a number and what varies; those that are there already have theirs. */
function nameRuns(runs: Definition['runs'], known: readonly NamedRun[]): readonly NamedRun[] {
  const names = new Map(known.map(({ key, name }) => [key, name]));
  let number = Math.max(0, ...known.map(({ name }) => Number.parseInt(name, 10)));
  return runs.map(({ key, label }) => {
    const own = names.get(key);
    if (own === undefined) number += 1;
    return { key, name: own ?? `${number}-${label}`.slice(0, LONGEST_NAME) };
  });
}

export interface SweepFolder {
  readonly lock: RunLock;
  /** Names of the runs' folders, in their order. */
  readonly names: readonly string[];
  /** Runs that the sweep had before it was widened; undefined where it is as it was, or new. */
  readonly before: number | undefined;
}

/**
 * Takes a folder for a sweep, and holds it until the lock is released: a new or empty one, or that of the same sweep, or of one that this
 * widens by values or seeds: what is there stays. Throws UserError: AMP6206 it cannot be used, AMP6207 it holds other runs, AMP7207
 * another process has it.
 */
export async function takeSweepFolder(dir: string, definition: Pick<Definition, 'facts' | 'lists' | 'runs'>): Promise<SweepFolder> {
  const path = join(dir, SWEEP_FILE);
  try {
    await makeFolder(dir);
    const stored = await readStored(path);
    const names = (await readdir(dir)).filter((name) => !isLock(name) && !isTemporary(name));
    if (stored === undefined && names.length > 0)
      throw userError(
        'AMP6206',
        `${dir} holds something else than runs of ampc sweep or ampc train --runs`,
        `it has ${names.sort()[0]}, and no ${SWEEP_FILE}`,
        'name a folder that is empty, or not there yet, with --out',
      );
    if (stored !== undefined) refuseOther(dir, stored, definition);
    const lock = await RunLock.take(dir);
    const { facts, runs } = definition;
    const known = stored?.runs ?? [];
    const named = nameRuns(runs, known);
    const isWider = stored?.runs !== undefined && named.length > known.length;
    if (stored === undefined || isWider)
      await replaceFile(path, `${JSON.stringify({ ampc: VERSION, sweep: facts, runs: named }, undefined, 2)}\n`);
    return { lock, names: named.map(({ name }) => name), before: isWider ? known.length : undefined };
  } catch (error) {
    throw unusable(dir, error);
  }
}
