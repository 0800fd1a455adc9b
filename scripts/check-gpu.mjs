// Runs on a machine with a GPU what continuous integration runs on a software adapter, and times it: `npm run check:gpu`.
// `--software` lets a software adapter pass, to try the script; `--quick` times a few steps only.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ampc = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const flags = new Set(process.argv.slice(2));
const quick = flags.has('--quick');

function run(title, args, { capture = false } = {}) {
  console.log(`\n== ${title}`);
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
    encoding: 'utf8',
  });
  return { ok: result.status === 0, text: result.stdout ?? '' };
}

const listed = run('adapters', [ampc, 'backends', '--json'], { capture: true });
console.log(listed.text.trim());
const webgpu = listed.text
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .find(({ name }) => name === 'webgpu');
if (webgpu?.available !== true || (webgpu.software === true && !flags.has('--software'))) {
  console.error(`\nno hardware GPU: ${webgpu?.reason ?? webgpu?.device ?? 'the webgpu backend is not listed'}`);
  process.exit(1);
}

const steps = quick ? '3' : '200';
const bench = (file, batch, precision) =>
  run(`${file}, batch ${batch}, ${precision}`, [
    ampc,
    ...['bench', `examples/${file}.amp`, '--backend', 'webgpu', '--batch', String(batch), '--precision', precision],
    ...['--steps', steps, '--warmup', quick ? '1' : '20', '--json'],
  ]).ok;

const results = [
  ['tests', run('tests', ['node_modules/mocha/bin/mocha.js', 'test/webgpu/**/*.test.ts']).ok],
  ...(quick
    ? [['simple-cnn', 8]]
    : [
        ['simple-cnn', 64],
        ['simple-cnn', 512],
        ['resnet18', 128],
      ]
  ).flatMap(([file, batch]) => ['fp32', 'fp16'].map((precision) => [`${file} ${batch} ${precision}`, bench(file, batch, precision)])),
];
console.log('');
for (const [what, ok] of results) console.log(`${ok ? 'passed' : 'FAILED'}  ${what}`);
process.exit(results.every(([, ok]) => ok) ? 0 : 1);
