import assert from 'node:assert/strict';
import { LAYERS } from '../../src/lower/layers.js';
import { checkSource, lowerProgram } from '../../src/lower/lower.js';
import { type Bounds, type Choice, isRequired, type SettingParam, withinBounds } from '../../src/lower/setting.js';
import { SETTINGS } from '../../src/lower/settings.js';
import { ampc } from '../support/cli.js';
import { makeWorkspace, TINY } from '../support/tiny.js';

const MODEL = 'model Net(image: [32, 32, 3]) -> [10] {\n  image |> flatten |> linear(10)\n}\n';

/** Just beyond what f32 holds, in every direction, and just within an excluded bound. */
function beyond({ above, below }: Bounds): number[] {
  const near = [above, below].flatMap((bound) => (bound === undefined || bound === 0 ? [] : [bound * (1 - 1e-12), bound * (1 + 1e-12)]));
  return [3.5e38, -3.5e38, 1.1e-38, -1.1e-38, 1e-50, 1e300, ...near];
}

function errorsOf(text: string): string[] {
  return checkSource({ path: 'net.amp', text })
    .filter(({ severity }) => severity === 'error')
    .map(({ code }) => code);
}

/** A number as the language has it: it knows no exponent behind a sign. */
const written = (value: number): string => (value < 0 ? `-${-value}` : String(value));

const REQUIRED: Readonly<Record<string, string>> = { lr: '0.1', every: '10', from: '1', scale: '1024', points: '[[0, 1]]' };

function call(name: string, params: readonly SettingParam[], param: SettingParam, value: string): string {
  const others = params.filter((other) => isRequired(other) && other.name !== param.name);
  const args = [...others.map(({ name: other }) => `${other}: ${REQUIRED[other]}`), `${param.name}: ${value}`];
  return `${name}(${args.join(', ')})`;
}

interface Case {
  readonly title: string;
  readonly param: SettingParam;
  readonly text: (value: string) => string;
}

/** Every number of every setting. */
function settingCases(): readonly Case[] {
  return Object.entries(SETTINGS).flatMap(([section, settings]) => {
    const head = section === 'dataset' ? 'dataset cifar10' : section;
    // Some metrics are of the images kept for validation.
    const others = section === 'train' ? 'dataset cifar10 { validation(0.1) }\n' : '';
    const file = (line: string) => `${MODEL}${others}${head} { ${line} }\n`;
    return settings.flatMap(({ name, value }): Case[] => {
      if (value.kind === 'scalar') return [{ title: name, param: value.param, text: (number) => file(`${name} ${number}`) }];
      const choices: readonly Choice[] = value.kind === 'call' ? [{ name, params: value.params, doc: '' }] : value.choices;
      return choices.flatMap((choice) =>
        choice.params.map((param): Case => {
          const line = (number: string) => call(choice.name, choice.params, param, number);
          return {
            title: `${name} ${choice.name}(${param.name})`,
            param,
            text: (number) => file(value.kind === 'call' ? line(number) : `${name} ${line(number)}`),
          };
        }),
      );
    });
  });
}

const FLOATS = new Set(['number', 'numbers', 'channels', 'points']);

describe('numbers as f32', () => {
  it('are checked in every setting, just beyond what f32 holds', () => {
    const cases = settingCases().filter(({ param }) => FLOATS.has(param.kind));
    assert.ok(cases.length > 25, `${cases.length} settings`);
    for (const { title, param, text } of cases) {
      for (const value of beyond(param)) {
        const lists = { points: `[[0, 1], [5, ${written(value)}]]`, numbers: `[${written(value)}]` };
        const number = param.kind === 'points' || param.kind === 'numbers' ? lists[param.kind] : written(value);
        const expected = withinBounds(value, param) ? 'AMP4012' : 'AMP4005';
        assert.deepEqual(errorsOf(text(number)), [expected], `${title}: ${value}`);
      }
    }
  });

  it('are checked in every argument of a layer', () => {
    const params = Object.entries(LAYERS).flatMap(([layer, { params: all }]) => all.map((param) => ({ layer, param, all })));
    const floats = params.filter(({ param }) => param.kind === 'number');
    assert.ok(floats.length >= 5);
    for (const { layer, param, all } of floats) {
      const required = all.filter((other) => other !== param && other.default === undefined).map(({ name }) => `, ${name}: 1`);
      for (const value of beyond(param)) {
        const text = MODEL.replace('flatten', `${layer}(${param.name}: ${written(value)}${required.join('')}) |> flatten`);
        const expected = withinBounds(value, param) ? 'AMP2015' : 'AMP2010';
        assert.deepEqual(errorsOf(text), [expected], `${layer}(${param.name}): ${value}`);
      }
    }
  });

  it('are taken as they are where f32 holds them', () => {
    const train = 'train { optimizer sgd(lr: 1.2e-38, momentum: 0.9999999, weight_decay: 3.4e38)  clip 3.4e38 }';
    const { optimizer } = lowerProgram({ path: 'net.amp', text: `${MODEL}${train}\n` }).recipe.train;
    assert.deepEqual(optimizer, { kind: 'sgd', lr: 1.2e-38, momentum: 0.9999999, nesterov: false, weightDecay: 3.4e38 });
    for (const ok of ['dropout(0.999)', 'dropout(0)', 'batch_norm(momentum: 1, eps: 0)', 'scale(-3.4e38)', 'leaky_relu(0)'])
      assert.deepEqual(errorsOf(MODEL.replace('flatten', `${ok} |> flatten`)), [], ok);
  });

  it('are checked as products: rates that a schedule makes, and what an update makes of them', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['optimizer sgd(lr: 1e38)  schedule piecewise([[0, 1], [5, 10]])', /^the rate at point 2 of `piecewise` is 1e\+39$/],
      ['optimizer sgd(lr: 0.1)  schedule step(every: 1, gamma: 1e-5)', /^the rate after `gamma` 9 times is /],
      ['optimizer sgd(lr: 0.1)  schedule step(every: 1, gamma: 1e5)', /^the rate after `gamma` 9 times is /],
      ['optimizer sgd(lr: 0.1)  schedule step(every: 1, gamma: 1e-37)', /^the rate after `gamma` 9 times is 0$/],
      ['optimizer adam(lr: 0.1)  schedule one_cycle(div_start: 1e20, div_end: 1e20)', /^the last rate of `one_cycle` is /],
      ['optimizer adam(lr: 1e-30)  schedule cosine(min: 1e-10)', /^the last rate of `cosine` is /],
      ['optimizer adam(lr: 1e-37)  warmup 100', /^the first rate of `warmup` is /],
      ['optimizer adamw(lr: 1e20, weight_decay: 1e20)', /^`lr` times `weight_decay` is /],
      ['optimizer lion(lr: 1e20, weight_decay: 1e20)', /^`lr` times `weight_decay` is /],
      ['optimizer rmsprop(lr: 1e20, weight_decay: 1e20)', /^`lr` times `weight_decay` is /],
      ['optimizer adam(lr: 1e35, beta1: 0.9999)', /^`lr` \/ \(1 - `beta1`\), the first factor of an update, is /],
    ];
    for (const [settings, message] of cases) {
      const [found, ...more] = checkSource({ path: 'net.amp', text: `${MODEL}train { ${settings} }\n` });
      assert.deepEqual([found?.code, more], ['AMP4012', []], settings);
      assert.match(found!.message, message);
      assert.ok(found!.why !== undefined && found!.fix !== undefined);
    }
    const fine = ['sgd(lr: 0)  schedule step(every: 1, gamma: 1e-37)', 'sgd(lr: 0.1)  schedule piecewise([[0, 0], [5, 1], [10, 0]])'];
    for (const settings of fine) assert.deepEqual(errorsOf(`${MODEL}train { optimizer ${settings} }\n`), [], settings);
  });

  it('say what they become and what to write, from a file and from --set', async () => {
    const work = makeWorkspace();
    try {
      const file = work.file('tiny.amp', TINY);
      const set = async (override: string) => (await ampc('plan', file, '--set', override)).stderr;
      assert.match(await set('train.lr=1e39'), /^error\[AMP4012\]: `lr` of `adam` is 1e\+39/);
      assert.match(
        await set('train.lr=1e39'),
        /why: it is used as f32, in which it is infinite: the largest number of f32 is 3\.4028235e\+38/,
      );
      assert.match(await set('train.lr=1e-50'), /fix: write 0, or give at least 1\.1754944e-38/);
      assert.match(await set('train.lr=1e-400'), /^error\[AMP2011\]: `1e-400` is 0 even in double precision/);
      const momentum = await set('train.optimizer=sgd(lr: 0.1, momentum: 0.99999999999)');
      assert.match(momentum, /^error\[AMP4012\]: `momentum` of `sgd` is 0\.99999999999/);
      assert.match(momentum, /why: it is used as f32, in which it is 1, and it must be at least 0 and below 1/);
      assert.match(momentum, /fix: f32 has 7 digits: give a number further from 1, such as 0\.9999990/);
    } finally {
      work.remove();
    }
  });
});
