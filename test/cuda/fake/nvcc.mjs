/**
 * Stands for nvcc in tests: makes of CUDA C++ a library for the processor, in which each kernel is a function that the fake driver calls
 * with its parameters as the driver has them. `AMPC_FAKE_NVCC`: flags besides.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MEETS = new RegExp(readFileSync(new URL('../meets.txt', import.meta.url), 'utf8'));
const EMU = fileURLToPath(new URL('../emu.h', import.meta.url));
const FLAGS = ['-std=c++17', '-O1', '-ffp-contract=off', '-fno-strict-aliasing', '-fPIC', '-shared', '-w', '-include', EMU];

/** What calls the kernels of a source: each by a list of addresses of its parameters, whose sizes it tells. */
function callers(source) {
  const heads = [...source.matchAll(/KERNEL\((\d+)(?:, \d+)?\) (\w+)\(([^)]*)\) \{/g)];
  const functions = new Map([...source.matchAll(/DEVICE void (\w+)\([\s\S]*?\n\}/g)].map(([text, name]) => [name, text]));
  return heads
    .map(([, threads, name, list], i) => {
      const body = source.slice(heads[i].index, source.indexOf('\n}', heads[i].index));
      const called = [...body.matchAll(/\b(\w+_part(?:_\d+)?)\(/g)].map(([, part]) => functions.get(part) ?? '');
      const types = list.split(',').map((parameter) =>
        parameter
          .replace('__restrict__', '')
          .replace(/\w+\s*$/, '')
          .trim(),
      );
      const given = types.map((type, p) => `*(${type} *)p[${p}]`).join(', ');
      return `extern "C" void ${name}__run(unsigned x, unsigned y, void **p) {
  emu::launch(x, y, ${threads}, ${MEETS.test([body, ...called].join('\n'))}, [&] { ${name}(${given}); });
}
extern "C" { extern const int ${name}__about[] = {${threads}, ${types.map((type) => `int(sizeof(${type}))`).join(', ')}, 0}; }`;
    })
    .join('\n');
}

/** Part of its version, which compiled modules are kept by. */
const made = createHash('sha256')
  .update(readFileSync(EMU))
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .digest()
  .readUInt32LE();
const args = process.argv.slice(2);
if (args.includes('--version')) process.stdout.write(`Cuda compilation tools, release 99.9, V99.9.${made}\n`);
else if (args.includes('--list-gpu-code')) process.stdout.write('sm_80\nsm_90\n');
else {
  const to = args[args.indexOf('-o') + 1];
  const from = args[args.indexOf('-o') - 1];
  const source = readFileSync(from, 'utf8');
  writeFileSync(`${from}.cpp`, `${source}\nnamespace ampc {\n${callers(source)}\n}\n`);
  const more = (process.env.AMPC_FAKE_NVCC ?? '').split(' ').filter((flag) => flag !== '');
  try {
    execFileSync('g++', [...FLAGS, ...more, `${from}.cpp`, '-o', to], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    process.stderr.write(error.stderr);
    process.exitCode = 1;
  }
}
