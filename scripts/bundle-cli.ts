import { readFileSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
const CLI = fileURLToPath(new URL('../dist/cli/', import.meta.url));

/** What a module finds beside itself it finds beside its built form: that place stands for the bundle's, which is in dist/cli. */
const places: Plugin = {
  name: 'places-of-modules',
  setup(bundle) {
    bundle.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const place = `new URL('../${relative(SRC, path).replace(/\.ts$/, '.js')}', import.meta.url).href`;
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', place), loader: 'ts' };
    });
  },
};

// The command line as few files: a thousand modules take twice as long to start. What one command alone needs is a file of its own.
rmSync(CLI, { recursive: true, force: true });
await build({
  entryPoints: [`${SRC}cli/main.ts`],
  outdir: CLI,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  charset: 'utf8',
  logLevel: 'error',
  plugins: [places],
});
