// Times, trains and tests on the GPU of this machine, beside PyTorch where there is one: `npm run check:gpu`, or without npm
// `node scripts/check-gpu.mjs`, also out of what scripts/bundle-gpu.mjs packs. --help tells the rest.
import 'tsx';

await import('./gpu/main.ts');
