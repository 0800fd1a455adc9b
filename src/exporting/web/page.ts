import type { ImageSize } from '../../datasets/source.js';
import { type ModelFacts, PROBABILITY_FUNCTIONS, testedOn } from '../facts.js';
import type { WebProgram } from './program.js';
import { RUNTIME } from './runtime.js';

/** Text within an element. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
  label { display: block; border: 2px dashed #888; border-radius: 8px; padding: 2rem; text-align: center; cursor: pointer; }
  label.over { border-color: #06c; background: #eef5ff; }
  input { position: absolute; opacity: 0; }
  input:focus-visible + span { outline: 2px solid #06c; }
  canvas { image-rendering: pixelated; width: 128px; height: auto; display: block; margin: 1rem auto; }
  table { width: 100%; border-spacing: 0 4px; }
  td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
  progress { width: 100%; }
  #failure { color: #a00; }
  footer { color: #666; font-size: 0.85rem; margin-top: 2rem; }
  @media (prefers-color-scheme: dark) {
    body { color: #ddd; background: #181818; }
    label.over { background: #223; }
    #failure { color: #f88; }
    footer { color: #999; }
  }
`;

/** What the page does with a picture. */
const INTERFACE = String.raw`
const model = JSON.parse(document.getElementById('model').textContent);
const weights = Uint8Array.from(atob(document.getElementById('weights').textContent.trim()), (character) => character.charCodeAt(0));
const [height, width, channels] = model.program.image.shape;
const canvas = document.querySelector('canvas');
const failure = document.getElementById('failure');
canvas.width = width;
canvas.height = height;

/* The pixels as the model takes them, brought to its size as the data set says. */
function pixelsOf(picture) {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  const [across, down] = [width / picture.width, height / picture.height];
  const scale = model.fit === 'crop' ? Math.max(across, down) : Math.min(across, down);
  const [w, h] = model.fit === 'stretch' ? [width, height] : [picture.width * scale, picture.height * scale];
  context.fillStyle = '#000';
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4);
    const values = channels < 3 ? [Math.round(0.2126 * r + 0.7152 * g + 0.0722 * b), a] : [r, g, b, a];
    for (let c = 0; c < channels; c++) pixels[i * channels + c] = values[c];
  }
  return pixels;
}

function show(probabilities) {
  const ranked = probabilities.map((probability, label) => ({ probability, name: model.classes[label] ?? String(label) }));
  ranked.sort((a, b) => b.probability - a.probability);
  document.querySelector('tbody').replaceChildren(
    ...ranked.slice(0, 5).map(({ probability, name }) => {
      const row = document.createElement('tr');
      const bar = document.createElement('progress');
      bar.value = probability;
      for (const content of [name, bar, (100 * probability).toFixed(2) + ' %']) row.insertCell().append(content);
      return row;
    }),
  );
}

let classifier;

async function classify(file) {
  failure.textContent = '';
  try {
    classifier ??= createClassifier(navigator.gpu, model.program, weights);
    const picture = await createImageBitmap(file).catch(() => {
      throw new Error((file.name || 'this') + ' is no picture that this browser reads');
    });
    const run = await classifier;
    show(takeProbabilities(model.probabilities, await run(pixelsOf(picture))));
  } catch (error) {
    failure.textContent = error.message;
  }
}

const zone = document.querySelector('label');
zone.addEventListener('dragover', (event) => {
  event.preventDefault();
  zone.classList.add('over');
});
zone.addEventListener('dragleave', () => zone.classList.remove('over'));
zone.addEventListener('drop', (event) => {
  event.preventDefault();
  zone.classList.remove('over');
  if (event.dataTransfer.files[0]) classify(event.dataTransfer.files[0]);
});
document.querySelector('input').addEventListener('change', ({ target }) => target.files[0] && classify(target.files[0]));
if (!navigator.gpu) failure.textContent = NO_WEBGPU;
`;

/** One page with everything in it; its policy lets it ask for nothing. */
export function pageText(program: WebProgram, weights: Uint8Array, facts: ModelFacts, size: ImageSize | undefined): string {
  const model = {
    classes: facts.classes,
    probabilities: PROBABILITY_FUNCTIONS[facts.probabilities],
    fit: size?.fit ?? 'crop',
    program,
  };
  const accuracy = facts.accuracy === undefined ? '' : ` Test accuracy${testedOn(facts)} ${(100 * facts.accuracy).toFixed(2)} %.`;
  const told = `${escaped(facts.model)} in ${facts.precision}, as ampc ${facts.version} exported it.${accuracy}`;
  const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob:";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escaped(facts.model)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(facts.model)}</h1>
<label><input type="file" accept="image/*"><span>Drop a picture here, or choose one</span></label>
<p id="failure" role="alert"></p>
<canvas></canvas>
<table aria-live="polite"><tbody></tbody></table>
<footer>${told} Pictures stay in this browser.</footer>
<script type="application/json" id="model">${JSON.stringify(model).replaceAll('<', '\\u003c')}</script>
<script type="text/plain" id="weights">${Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).toString('base64')}</script>
<script>${RUNTIME}${INTERFACE}</script>
</body>
</html>
`;
}
