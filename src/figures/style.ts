import type { DType } from '../ir/types.js';

/**
 * Colours by what they are for, on light and on dark ground. Those of series and formats are Okabe and Ito's (2008), which people tell
 * apart whatever colours they see; the lighter ones are darkened on white, the darker ones lightened on black.
 */
export const COLOURS = {
  ground: { light: '#ffffff', dark: '#16181c' },
  panel: { light: '#f4f5f7', dark: '#20242a' },
  ink: { light: '#1c1e21', dark: '#e8eaed' },
  faint: { light: '#63686f', dark: '#a2a9b3' },
  line: { light: '#d4d8dd', dark: '#3a4049' },
  blue: { light: '#0072b2', dark: '#56b4e9' },
  orange: { light: '#c77700', dark: '#e69f00' },
  green: { light: '#00805c', dark: '#2cc79b' },
  red: { light: '#d55e00', dark: '#ff8a3d' },
  purple: { light: '#a8558a', dark: '#e29bc2' },
  sky: { light: '#2d87bd', dark: '#8fd0f5' },
} as const satisfies Readonly<Record<string, { readonly light: string; readonly dark: string }>>;

export type Colour = keyof typeof COLOURS;

/** Of the first series, the second, …; after the last they begin again, with dashes. */
export const SERIES: readonly Colour[] = ['blue', 'red', 'green', 'purple', 'orange', 'sky'];

/** Numbers that are no floats, and truth, are not what formats are about. */
export const FORMAT_COLOURS = {
  f32: 'blue',
  f16: 'green',
  bf16: 'orange',
  f8_e4m3: 'purple',
  f8_e5m2: 'red',
  i32: 'faint',
  u8: 'faint',
  bool: 'faint',
} as const satisfies Readonly<Record<DType, Colour>>;

const names = Object.keys(COLOURS) as Colour[];

/** The rules of figures, with a way to write each colour: as a variable of the page, or as it is. */
function figureRules(colour: (name: Colour) => string): readonly string[] {
  return [
    `text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:${colour('ink')}}`,
    `.faint-text{fill:${colour('faint')}}`,
    '.strong{font-weight:600}',
    '.end{text-anchor:end}',
    '.middle{text-anchor:middle}',
    `.grid{stroke:${colour('line')};stroke-width:1;fill:none}`,
    '.curve{fill:none;stroke-width:2;stroke-linejoin:round}',
    '.curve.thin{stroke-width:1;opacity:.45}',
    '.dashed{stroke-dasharray:6 3}',
    ...names.flatMap((name) => [`.stroke-${name}{stroke:${colour(name)}}`, `.fill-${name}{fill:${colour(name)}}`]),
    `.box{fill:${colour('panel')};stroke:${colour('line')}}`,
  ];
}

const variables = (scheme: 'light' | 'dark') => names.map((name) => `--${name}:${COLOURS[name][scheme]}`).join(';');

/** For a figure in a file of its own, which is drawn on white. */
export const FIGURE_STYLE = figureRules((name) => COLOURS[name].light).join('\n');

/** For a page: light or dark as the reader has it, and light on paper. */
export const PAGE_STYLE = `:root{color-scheme:light dark;${variables('light')}}
@media (prefers-color-scheme:dark){:root{${variables('dark')}}}
@media print{:root{${variables('light')}}}
${figureRules((name) => `var(--${name})`)
  .map((rule) => `svg ${rule}`)
  .join('\n')}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 20px 64px;max-width:1180px;background:var(--ground);color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px}h3{font-size:15px;margin:18px 0 6px}
a{color:var(--blue)}p{margin:6px 0}.note{color:var(--faint)}
nav{display:flex;flex-wrap:wrap;gap:4px 14px;margin:14px 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px}
figure{margin:0;min-width:0}figure svg{width:100%;height:auto;display:block}figcaption{font-weight:600;margin-bottom:2px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:16px 0}
.fact{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:8px 12px}
.fact b{display:block;font-size:20px;font-weight:600;overflow-wrap:anywhere}.fact span{color:var(--faint);font-size:13px}
.middling{max-width:660px}
.scroll{overflow:auto;max-height:620px;border:1px solid var(--line);border-radius:8px}
.scroll svg{width:auto;max-width:none;display:block;margin:0 auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:3px 10px;border-bottom:1px solid var(--line);text-align:left}
th{font-weight:600;position:sticky;top:0;background:var(--ground)}td.number,th.number{text-align:right}td{white-space:nowrap}
td:last-child{white-space:normal;overflow-wrap:anywhere;min-width:120px}
pre{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 12px;overflow:auto;margin:6px 0}
code{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:12px}
.pictures img{width:100%;max-width:160px;image-rendering:pixelated;border:1px solid var(--line);border-radius:4px;display:block}
.pictures div{font-size:13px;line-height:1.35;overflow-wrap:anywhere}
.filters{display:flex;flex-wrap:wrap;gap:6px}.filters img{width:44px;height:44px;image-rendering:pixelated;border:1px solid var(--line)}
`;
