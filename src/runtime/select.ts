import { UserError, userError } from '../diagnostics/diagnostic.js';
import { given } from '../given.js';
import type { Plan } from '../plan/plan.js';
import { BACKEND_NAMES, type BackendName, isBackendName } from '../plan/target.js';
import type { Backend, BackendInfo, LoadOptions } from './backend.js';
import { AUTO, BACKENDS, PLANNED } from './backends.js';

export interface SelectedBackend {
  readonly backend: Backend;
  readonly info: BackendInfo;
}

function cannotRun({ name, reason, fix = 'install what is missing' }: BackendInfo): UserError {
  return userError(
    'AMP6010',
    `the ${name} backend cannot run here`,
    reason,
    `${fix}, or choose another --backend: \`ampc backends\` shows what can run here`,
  );
}

/** Throws UserError AMP6010 for a name that no backend has: callers in JavaScript, and files, may hold any. */
async function openBackend(name: BackendName): Promise<Backend> {
  if (isBackendName(name)) return BACKENDS[name].open();
  throw userError('AMP6010', `there is no backend \`${String(name)}\``, undefined, `the backends are ${BACKEND_NAMES.join(', ')}`);
}

type SelectOptions = Pick<LoadOptions, 'signal' | 'onNotice'>;

/**
 * Opens the backend called `name` and checks that it can run here; `auto` takes a hardware GPU first, then `cpu`, and tells `onNotice` of a
 * device that it passes over.
 * Throws UserError when it cannot run, with the reason and what to install; the signal's reason when that is aborted. Never falls back to
 * another backend.
 */
export async function selectBackend(
  name: BackendName | 'auto',
  options: Pick<LoadOptions, 'signal' | 'onNotice'> = {},
): Promise<SelectedBackend> {
  if (name === 'auto') return selectAutomatically(options);
  const backend = await openBackend(name);
  const info = await backend.probe(options);
  if (!info.available) throw cannotRun(info);
  return { backend, info };
}

/** Why `auto` does not take a backend. */
async function whyNot(backend: Backend, info: BackendInfo, options: SelectOptions): Promise<string | undefined> {
  if (!info.available) return info.reason ?? 'it cannot run here';
  if (info.software === true) return `only a software adapter (${info.device}); ask for it by name`;
  return backend.distrust?.(options);
}

async function selectAutomatically(options: SelectOptions): Promise<SelectedBackend> {
  const reasons: string[] = [];
  for (const name of AUTO) {
    const backend = await BACKENDS[name].open();
    const info = await backend.probe({ ...given({ signal: options.signal }), automatic: true });
    const why = await whyNot(backend, info, options);
    if (why === undefined) return { backend, info };
    reasons.push(`${name}: ${why}`);
    // A device that would have been quicker: nobody finds out otherwise.
    if (info.device !== undefined && info.software !== true)
      options.onNotice?.(`${info.device} is not used through ${name}: ${why}; --backend ${name} asks for it all the same`);
  }
  throw userError(
    'AMP6010',
    'no backend can run here',
    reasons.join('; '),
    'the reference backend needs nothing, and is slow: --backend reference',
  );
}

/**
 * The backend called `name`, to plan for: it need not be able to run here, but must know its formats. `auto` is what `selectBackend` would
 * take, or `PLANNED` when nothing can run. Throws UserError for a name that no backend has.
 */
export async function describeBackend(name: BackendName | 'auto', options: SelectOptions = {}): Promise<SelectedBackend> {
  if (name === 'auto') {
    try {
      return await selectAutomatically(options);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return describeBackend(PLANNED);
    }
  }
  const backend = await openBackend(name);
  return { backend, info: await backend.probe() };
}

/** Bytes beside states and arena that the plan's backend would allocate for it here. */
export async function workspaceOf(plan: Plan): Promise<number> {
  const { backend } = plan.target;
  if (!isBackendName(backend) || BACKENDS[backend].hasWorkspace === undefined) return 0;
  return (await (await BACKENDS[backend].open()).workspace?.(plan)) ?? 0;
}

/** What every backend says about this machine, in order. */
export async function probeBackends(): Promise<readonly (BackendInfo & { readonly summary: string })[]> {
  return Promise.all(
    BACKEND_NAMES.map(async (name) => {
      const { summary, open } = BACKENDS[name];
      return { summary, ...(await (await open()).probe()) };
    }),
  );
}
