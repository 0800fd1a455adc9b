import assert from 'node:assert/strict';
import { ampc } from '../support/cli.js';

describe('wrong usage', () => {
  const cases: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
    { args: ['trian', 'a.amp'], says: /unknown command 'trian'[\s\S]*Did you mean train\?/ },
    { args: ['train'], says: /missing required argument 'file'/ },
    { args: ['train', 'a.amp', '--epoch', '3'], says: /unknown option '--epoch'[\s\S]*Did you mean --epochs\?/ },
    { args: ['train', 'a.amp', '--backend', 'cup'], says: /Did you mean cpu\? Choose from auto, cpu/ },
    { args: ['train', 'a.amp', '--precision', 'f16'], says: /Did you mean fp16\? Choose from fp32, fp16, bf16/ },
    { args: ['train', 'a.amp', '--batch', '0'], says: /A whole number of at least 1 is needed/ },
    { args: ['train', 'a.amp', '--epochs', '0'], says: /A number above 0 is needed/ },
    { args: ['train', 'a.amp', '--set', 'batch'], says: /key\.path=value/ },
    { args: ['train', 'a.amp', '--out', ''], says: /^error: option '--out <dir>' argument '' is invalid\. It is empty; name something/ },
    { args: ['train', 'a.amp', '--resume', ''], says: /^error: option '--resume \[dir\]' argument '' is invalid/ },
    { args: ['export', 'a', '--to', 'c', '--weights='], says: /^error: option '--weights <file>' argument '' is invalid/ },
    {
      args: ['train', 'a.amp', '--resume', '--init', 'w.safetensors'],
      says: /'--resume \[dir\]' cannot be used with option '--init <weights>'/,
    },
    { args: ['train', 'a.amp', '--resume', 'x', '--out', 'y'], says: /--resume DIR names the folder, as --out does/ },
    { args: ['train', 'a.amp', 'b.amp'], says: /too many arguments/ },
    { args: ['plan'], says: /missing required argument 'file'/ },
    { args: ['plan', '--diff', 'a.amp'], says: /--diff compares two plans/ },
    { args: ['plan', 'a.amp', '--emit', 'rust'], says: /Choose from c/ },
    { args: ['data', 'fetch', 'cifar'], says: /Did you mean cifar10\?/ },
    { args: [], says: /Usage: ampc/ },
  ];
  for (const { args, says } of cases) {
    it(`ampc ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await ampc(...args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, says);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }
});

describe('help', () => {
  it('lists the commands on stdout', async () => {
    const { code, stdout } = await ampc('--help');
    assert.equal(code, 0);
    for (const name of ['train', 'eval', 'predict', 'plan', 'check', 'fmt', 'data', 'backends', 'bench']) {
      assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('knows every option of the contract', async () => {
    const { stdout } = await ampc('train', '--help');
    const wanted =
      'backend data out resume epochs max-steps batch precision policy seed init set no-shuffle no-augment log-every threads json';
    for (const name of wanted.split(' ')) assert.match(stdout, new RegExp(`^  --${name}\\b`, 'm'));
  });

  it('prints the version', async () => {
    const { code, stdout } = await ampc('--version');
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
