import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { leanChevrotain } from './lean-chevrotain.js';
import { withoutUnread } from './unread-declarations.js';

const PACKAGE = fileURLToPath(new URL('../package.json', import.meta.url));

/**
 * In a browser `X.browser.ts` stands for `X.ts` beside it, ops are without what only their documentation and tests read, and of the
 * package its version alone is known.
 */
const ofBrowsers: Plugin = {
  name: 'of-browsers',
  setup(bundle) {
    bundle.onLoad({ filter: /\/package\.json$/ }, ({ path }) => {
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string };
      return path === PACKAGE ? { contents: JSON.stringify({ version }), loader: 'json' } : undefined;
    });
    bundle.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const twin = path.replace(/\.ts$/, '.browser.ts');
      if (existsSync(twin)) return { contents: readFileSync(twin, 'utf8'), loader: 'ts' };
      return /\/src\/ops\/[^/]*\.ts$/.test(path) ? { contents: withoutUnread(path), loader: 'ts' } : undefined;
    });
  },
};

export interface Bundle {
  /** The files; none where they were written. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  readonly meta: Metafile;
}

export interface BundleOptions {
  readonly outdir?: string;
  readonly write?: boolean;
  /** Whether what is needed later is a file of its own. */
  readonly splitting?: boolean;
}

/** The modules behind some entries, as a browser loads them. Throws for whatever only Node has. */
export async function bundle(entryPoints: Readonly<Record<string, string>>, options: BundleOptions = {}): Promise<Bundle> {
  const { outdir = 'dist/browser', write = false, splitting = true } = options;
  const { outputFiles, metafile } = await build({
    entryPoints: { ...entryPoints },
    outdir,
    write,
    splitting,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    minify: true,
    metafile: true,
    legalComments: 'none',
    logLevel: 'silent',
    loader: { '.amp': 'text' },
    plugins: [ofBrowsers, leanChevrotain],
  });
  return { files: (outputFiles ?? []).map(({ path, contents }) => ({ path, bytes: contents })), meta: metafile };
}
