import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { updateReadme } from '../../scripts/update-readme.js';

const README = readFileSync('README.md', 'utf8');

describe('README', () => {
  it('shows examples/simple-cnn.amp as it is', () => {
    assert.ok(README.includes(`\`\`\`\n${readFileSync('examples/simple-cnn.amp', 'utf8')}\`\`\``));
  });

  it('shows a piece of the present plan', async () => {
    assert.equal(README, await updateReadme(README), 'run `npm run readme`');
  });

  it('links to files that exist', () => {
    for (const [, target] of README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) assert.ok(existsSync(target!), target);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    for (const [, name] of README.matchAll(/npm run ([\w:]+)/g)) assert.ok(name! in scripts, name);
  });
});
