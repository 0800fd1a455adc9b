import { confusionMatrix } from '../../figures/confusion.js';
import { element } from '../../figures/markup.js';
import { formatBytes } from '../../numeric/bytes.js';
import { formatCount } from '../../numeric/readable.js';
import type { CostTable } from '../../plan/cost-table.js';
import type { Plan } from '../../plan/plan.js';
import { castReports } from '../../plan/report.js';
import type { TestResult } from '../evaluate.js';
import type { Filters } from './filters.js';
import { code, figureGrid, heading, note, type PageSection, scrolledFigure, table } from './page.js';
import { picture } from './picture.js';
import { planFigures } from './plan-figures.js';
import { loss, percent } from './results-sections.js';
import type { RunFacts } from './run-facts.js';

const MOST_CASTS = 40;

export function planSection(plan: Plan, costs?: CostTable): PageSection {
  const figures = planFigures(plan, costs);
  const graph = figures.find(({ name }) => name === 'plan');
  const casts = [...castReports(plan)].filter((cast) => cast.function === 'train_step').sort((a, b) => b.bytesMoved - a.bytesMoved);
  const rows = casts
    .slice(0, MOST_CASTS)
    .map(({ value, from, to, phase, bytesMoved, rule, why }) => [value, `${from} → ${to}`, phase, formatBytes(bytesMoved), rule, why]);
  const left = casts.length - rows.length;
  return {
    id: 'plan',
    title: 'Plan',
    content: [
      graph === undefined ? note('The network has too many layers to be drawn; `ampc plan` lists them.') : scrolledFigure(graph),
      figureGrid(figures.filter(({ name }) => name !== 'plan')),
      heading(`Casts of a training step: ${casts.length}`),
      rows.length === 0
        ? note('None: every value has the format that its readers take.')
        : table(['value', 'formats', 'pass', '#bytes moved', 'rule', 'why'], rows),
      left > 0 ? note(`${left} more; \`ampc plan RUN/plan.txt\` lists all of them.`) : undefined,
    ],
  };
}

export function testSection({ details, pictures, loss: testLoss, accuracy, images }: TestResult): PageSection {
  const first = note(`${formatCount(images)} images: accuracy ${percent(accuracy)}, loss ${loss(testLoss)}.`);
  if (details === undefined) return { id: 'test', title: 'Test', content: [first] };
  const names = details.per_class.map(({ name }) => name);
  const matrix = confusionMatrix(names, details.confusion);
  const rows = details.per_class.map(({ name, images: count, predicted, precision, recall, f1 }) => {
    return [name, String(count), String(predicted), percent(precision), percent(recall), percent(f1)];
  });
  const mistakes = details.worst.map(({ index, file, label, predicted, probability, label_probability }, place) => {
    const words = `${names[label]} taken for ${names[predicted]}`;
    const png = pictures?.[place];
    return element(
      'div',
      {},
      png === undefined ? undefined : picture(png, words),
      element('div', {}, words),
      element('div', { class: 'note' }, `${percent(probability)} against ${percent(label_probability)}, ${file ?? `image ${index}`}`),
    );
  });
  const { top5, macro, calibration_error } = details;
  const scores = [
    `Top-5 accuracy ${percent(top5)}`,
    `macro F1 ${percent(macro.f1)}`,
    `expected calibration error ${percent(calibration_error)}`,
  ];
  const rest = `${scores.join(', ')}.`;
  return {
    id: 'test',
    title: 'Test',
    content: [
      first,
      note(rest),
      matrix === undefined
        ? note('There are too many classes for a picture of the confusion matrix.')
        : element('div', { class: 'middling' }, figureGrid([{ name: 'confusion', figure: matrix }])),
      heading('By class'),
      table(['class', '#images', '#predicted', '#precision', '#recall', '#F1'], rows),
      heading('The worst mistakes'),
      mistakes.length === 0 ? note('None.') : element('div', { class: 'pictures' }, ...mistakes),
    ],
  };
}

export function filtersSection({ name, count, pictures }: Filters): PageSection {
  const more = count > pictures.length ? `, the first ${pictures.length} of ${count}` : '';
  const drawn = pictures.map((png, filter) => picture(png, `filter ${filter}`));
  const first = note(`${name}${more}; each from its lowest number, dark, to its highest.`);
  return { id: 'filters', title: 'First filters', content: [first, element('div', { class: 'filters' }, ...drawn)] };
}

export function sourceSection({ source, summary, command, version }: RunFacts): PageSection {
  const settings = Object.entries(summary.settings).map(([key, value]) => [key, String(value)]);
  return {
    id: 'settings',
    title: 'Settings',
    content: [
      heading('Trained again with'),
      code(command),
      note(`ampc ${version ?? '?'}; the file and the plan lie in ${summary.run}.`),
      heading('The file'),
      code(source),
      heading('All settings'),
      table(['setting', 'value'], settings),
    ],
  };
}
