/**
 * Who may import whom, folder by folder in the order in which data flows (docs/ARCHITECTURE.md).
 * `leaves` may be imported by everyone. A name with a dot is one file, otherwise a folder of src.
 */
const leaves = ['datasets', 'datafiles', 'diagnostics', 'random', 'numeric', 'files', 'given.ts'];

const mayImport = {
  datasets: [],
  datafiles: ['datasets', 'diagnostics', 'files'],
  diagnostics: ['datasets'],
  random: [],
  numeric: [],
  files: ['diagnostics', 'datasets'],
  ir: [],
  ops: ['ir'],
  parser: [],
  lower: ['files', 'parser', 'ops', 'ir'],
  autodiff: ['ops', 'ir'],
  precision: ['ops', 'ir'],
  lint: ['ops', 'ir', 'precision'],
  plan: ['ops', 'ir', 'precision', 'autodiff'],
  'compile.ts': ['ops', 'ir', 'autodiff', 'precision', 'plan'],
  language: ['compile.ts', 'lower', 'lint', 'plan', 'precision', 'ops', 'parser', 'ir'],
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
  server: ['language', 'choose', 'runtime', 'lower', 'plan'],
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

export default {
  forbidden: [
    ...layerRules,
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
      severity: 'error',
      from: { path: '^src/' },
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
