import { existsSync, readdirSync } from 'node:fs';

/**
 * Who may import whom, folder by folder in the order in which data flows (docs/ARCHITECTURE.md).
 * `leaves` may be imported by everyone. A name with a dot is one file, otherwise a folder of src.
 */
const leaves = ['platform', 'datasets', 'datafiles', 'diagnostics', 'random', 'numeric', 'files', 'given.ts'];

const mayImport = {
  platform: [],
  datasets: [],
  datafiles: ['platform', 'datasets', 'diagnostics', 'files'],
  diagnostics: ['datasets'],
  random: [],
  numeric: [],
  files: ['platform', 'diagnostics', 'datasets'],
  ir: [],
  ops: ['ir'],
  parser: [],
  lower: ['files', 'parser', 'ops', 'ir'],
  autodiff: ['ops', 'ir'],
  precision: ['ops', 'ir'],
  lint: ['ops', 'ir', 'precision'],
  plan: ['ops', 'ir', 'precision', 'autodiff'],
  'compile.ts': ['ops', 'ir', 'autodiff', 'precision', 'plan'],
  language: ['compile.ts', 'lower', 'lint', 'plan', 'precision', 'ops', 'parser', 'ir', 'figures'],
  codegen: ['plan', 'ops', 'ir'],
  exporting: ['interchange', 'codegen', 'plan', 'ops', 'ir'],
  runtime: ['codegen', 'plan', 'ops', 'ir'],
  training: ['runtime/backend.ts', 'interchange', 'plan', 'ir'],
  'given.ts': [],
  memory: ['runtime', 'training', 'plan', 'ir'],
  costs: ['runtime', 'training', 'plan', 'ir'],
  choose: ['memory', 'costs', 'compile.ts', 'lower', 'runtime', 'training', 'precision', 'plan', 'ir'],
  measure: ['choose', 'memory', 'costs', 'lower', 'runtime', 'training', 'precision', 'plan', 'ops', 'ir'],
  figures: ['ir'],
  server: ['language', 'choose', 'runtime', 'lower', 'plan', 'figures'],
  cli: ['index.ts'],
};

const pattern = (name) => (name.includes('.') ? `^src/${name.replaceAll('.', '\\.')}$` : `^src/${name}/`);

const layerRules = Object.entries(mayImport).map(([name, allowed]) => ({
  name: `imports-of-${name}`,
  comment: `src/${name} may import ${allowed.length > 0 ? allowed.join(', ') : 'nothing'} (and ${leaves.join(', ')})`,
  severity: 'error',
  from: { path: pattern(name) },
  to: {
    path: '^src/',
    pathNot: [name, ...allowed, ...(leaves.includes(name) ? [] : leaves)].map(pattern),
  },
}));

/** What only Node runs. Nothing that src/browser.ts reaches may need it: the bundle, which a test makes, would fail. */
const nodeOnly = [
  '^src/(cli|server)/',
  '^src/runtime/(cpu|cuda|tensorflow)/',
  '^src/runtime/(builds|kernel-cache|packages|program)\\.ts$',
  '^src/datafiles/',
  '^src/costs/network\\.ts$',
  '^src/files/(cache-folder|own-file|standard-input|system-text)\\.ts$',
  '^src/training/data/(contact-sheet|decode-\\w+|download|duplicates|fetch|parquet-pictures|pictures?-\\w+|pictures|small-picture)\\.ts$',
  '^src/api/(data|doctor|dry-run|export|import-model|init|loopback|playground|write-result)\\.ts$',
  '^src/api/(live|spec|sweep)/',
  '^src/api/run-report/report-runs\\.ts$',
];

/** Files for Node that a browser has another in the place of: X.ts beside X.browser.ts. */
const twins = (existsSync('src') ? readdirSync('src', { recursive: true, encoding: 'utf8' }) : [])
  .filter((name) => name.endsWith('.browser.ts'))
  .map((name) => `^src/${name.replaceAll('\\', '/').replace('.browser.ts', '.ts').replaceAll('.', '\\.')}$`);

export default {
  forbidden: [
    ...layerRules,
    {
      name: 'node-in-its-place',
      comment: 'modules that a browser runs too take files, paths, hashes and the system from src/platform',
      severity: 'error',
      from: { path: '^src/', pathNot: [...nodeOnly, ...twins] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'native-in-its-place',
      comment: 'packages that only Node can load',
      severity: 'error',
      from: { path: '^src/', pathNot: [...nodeOnly, ...twins] },
      to: { path: 'node_modules/(sharp|tar|koffi|ajv|@napi-rs/image|vscode-languageserver)/' },
    },
    {
      name: 'runtime-siblings',
      comment: 'a backend may not import another backend',
      severity: 'error',
      from: { path: '^src/runtime/([^/]+)/' },
      to: { path: '^src/runtime/[^/]+/', pathNot: '^src/runtime/$1/' },
    },
    {
      name: 'only-cli-imports-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'no-circular',
      comment: 'modules that need each other, even for a type alone, belong in one file, or share a third',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(@tensorflow/|webgpu$|@webgpu/types$|@zigc/)' },
    },
    {
      name: 'no-dev-dependency-in-src',
      comment: 'but in what is bundled for browsers, dependencies and all',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.browser\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], pathNot: '^node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
