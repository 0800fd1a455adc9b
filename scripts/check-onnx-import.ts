/**
 * Imports networks of torchvision with random weights from ONNX, and compares their logits for one random image with PyTorch's:
 *
 *   npx tsx scripts/check-onnx-import.ts [NAME...] [--exporter script|single|dynamo]
 *
 * Needs `$AMPC_TEST_PYTHON` with torch, torchvision and onnx. `script` is PyTorch's older exporter with a batch of any size, `single` the
 * same for one image. A network that the language cannot express is named with the node that is in the way.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileToRun } from '../src/choose/plan-file.js';
import { UserError } from '../src/diagnostics/diagnostic.js';
import { importModel } from '../src/index.js';
import { loadInitial } from '../src/training/init/load.js';
import { initialStates } from '../src/training/states.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PYTHON = process.env.AMPC_TEST_PYTHON ?? join(ROOT, '.peers/bin/python');

/** Rows and columns of the image: as few as the network takes. */
const SIDES: Readonly<Record<string, number>> = { vit_b_16: 224, swin_t: 224, vgg16_bn: 224, vgg11_bn: 224, alexnet: 224 };
const NETWORKS = [
  'resnet18',
  'resnet50',
  'vgg16_bn',
  'mobilenet_v2',
  'mobilenet_v3_small',
  'efficientnet_b0',
  'convnext_tiny',
  'vit_b_16',
  'densenet121',
  'squeezenet1_1',
  'shufflenet_v2_x1_0',
  'regnet_x_400mf',
  'regnet_y_400mf',
  'swin_t',
];

async function check(name: string, exporter: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const side = SIDES[name] ?? 64;
  const script = join(ROOT, 'scripts/check_onnx_import.py');
  execFileSync(PYTHON, [script, name, String(side), exporter, folder], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  const { file, weights, parameters } = await importModel(join(folder, 'model.onnx'), { out: folder, normalize: '0.5, 0.5' });
  const { plan, backend } = await compileToRun(file, { backend: 'cpu', precision: 'fp32', batch: 1 }, 'evaluation');
  const executable = await backend.load(plan);
  await executable.writeStates(initialStates(plan, 0));
  await executable.writeStates((await loadInitial(weights, plan)).values);
  const { batch } = plan.functions.find((one) => one.name === 'eval_step')!;
  const image = readFileSync(join(folder, 'image.bin'));
  const images = new Uint8Array(batch * image.length);
  images.set(image);
  await executable.call('eval_step', { image: images, label: new Int32Array(batch) });
  const wanted = readFileSync(join(folder, 'logits.txt'), 'utf8').trim().split('\n').map(Number);
  const logits = (await executable.readOutput('logits')).slice(0, wanted.length);
  await executable.dispose();
  const scale = Math.max(...wanted.map(Math.abs));
  const off = Math.max(...wanted.map((value, i) => Math.abs(value - logits[i]!))) / scale;
  const lines = readFileSync(file, 'utf8').split('\n').length;
  if (!(off < 1e-4)) process.exitCode = 1;
  return `${parameters} parameters, ${lines} lines, logits within ${off.toExponential(1)} of the largest, ${scale.toFixed(2)}`;
}

const asked = process.argv.slice(2);
const at = asked.indexOf('--exporter');
const exporter = at < 0 ? 'script' : asked.splice(at, 2)[1]!;
for (const name of asked.length > 0 ? asked : NETWORKS) {
  const folder = mkdtempSync(join(tmpdir(), 'ampc-import-'));
  try {
    console.log(name.padEnd(22), await check(name, exporter, folder));
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const said = error instanceof UserError ? error.diagnostics : undefined;
    // What cannot be expressed is refused by its node; anything else is a fault.
    if (said?.[0]?.code !== 'AMP6420' && stderr?.includes('torch.onnx:') !== true) process.exitCode = 1;
    const why = said?.map((one) => `${one.message}: ${one.why}`) ?? [(stderr ?? message).trim().split('\n').at(-1)!];
    console.log(name.padEnd(22), 'refused:', why.slice(0, 2).join('; '), why.length > 2 ? `and ${why.length - 2} more` : '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
