import { updateSpec } from '../src/api/spec/spec.js';
import { loadSpecs, ROOT } from '../test/spec-runner.js';
import { STAGES } from '../test/spec-stages.js';

// Rewrites the expected text of every spec to what the compiler says now; the difference is then reviewed like code.
let updated = 0;
for (const file of loadSpecs()) {
  if (!(await updateSpec(STAGES, file, ROOT))) continue;
  updated += 1;
  console.log(`updated specs/${file.name}.yaml`);
}
console.log(updated === 0 ? 'all specs are up to date' : `${updated} updated`);
