// Rewrites the piece of plan in README.md from examples/simple-cnn.amp. Usage: npm run readme
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { compile, printPlan, rewriteText } from '../src/index.js';

const BLOCK = /(<!-- plan: written by `npm run readme` -->\n```\n)[\s\S]*?(```\n)/;

/** What the README shows of the training step: whole kernels by name, and single lines. */
const SHOWN: readonly RegExp[] = [
  /^plan @/,
  /^fn train_step/,
  /^ {2}%conv1\.weight = state/,
  /^ {2}%scaler\.scale = state/,
  /= cast %conv1\.weight /,
  /^ {2}\w+ conv1 \{/,
  /= conv2d %/,
  /= max_pool2d /,
  /= relu /,
  /= cast .*cross_entropy/,
  /= cross_entropy /,
  /= scale_loss_grad /,
  /= conv2d_weight_grad /,
  /= all_finite /,
  /= unscale /,
  /= update_scale /,
];

/** The first line of each kind, in order, with `...` for what is left out between them. */
export function excerpt(plan: string): string {
  const lines = plan.split('\n');
  const shown: string[] = [];
  let at = 0;
  for (const pattern of SHOWN) {
    const index = lines.findIndex((line, i) => i >= at && pattern.test(line));
    if (index < 0) throw new Error(`the plan has no line ${pattern} where the README shows one`);
    if (lines.slice(at, index).some((line) => line !== '')) shown.push('    ...');
    shown.push(lines[index]!);
    at = index + 1;
  }
  return `${[...shown, '    ...'].join('\n')}\n`;
}

/** The README with the present plan in it. */
export async function updateReadme(readme: string): Promise<string> {
  const { plan } = await compile('examples/simple-cnn.amp', { backend: 'cpu' });
  if (!BLOCK.test(readme)) throw new Error('README.md has no place for a plan');
  const text = excerpt(printPlan(plan));
  return readme.replace(BLOCK, (_, before: string, after: string) => `${before}${text}${after}`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await rewriteText('README.md', await updateReadme(readFileSync('README.md', 'utf8')));
}
