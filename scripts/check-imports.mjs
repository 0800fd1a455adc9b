// Checks the import rules of .dependency-cruiser.mjs over ROOT/src. Usage: node scripts/check-imports.mjs [ROOT]
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

process.chdir(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
// Read there: which files have a twin for browsers, it looks up.
const { default: ruleSet } = await import('../.dependency-cruiser.mjs');
const { options, ...rules } = ruleSet;
const { output } = await cruise(['src'], { ...options, validate: true, ruleSet: { ...rules, options } }, undefined, {
  tsConfig: extractTSConfig('tsconfig.json'),
});

const { violations, totalDependenciesCruised } = output.summary;
for (const { from, to, rule } of violations) {
  const comment = rules.forbidden.find(({ name }) => name === rule.name)?.comment;
  console.error(`${rule.name}: ${from} -> ${to}${comment === undefined ? '' : `\n  ${comment}`}`);
}
// A wrong path or extension would cruise nothing and find nothing.
const modules = output.modules.filter(({ source }) => source.startsWith('src/')).length;
if (modules === 0 || totalDependenciesCruised === 0) throw new Error('no module was checked');
console.log(`${modules} modules, ${totalDependenciesCruised} imports, ${violations.length} violations`);
process.exitCode = violations.length > 0 ? 1 : 0;
