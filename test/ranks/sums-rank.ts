// One rank that adds up with the others what `partOfRank` says; the first one prints what each has got, by `sumText`: `sums-rank`.
import { gatherTexts } from '../../src/runtime/collectives.js';
import { joinRanks, leaveRanks } from '../../src/runtime/cpu/mpi/mpi.js';
import { LENGTHS, partOfRank, sumText, WIRES } from './parts.js';

const ranks = (await joinRanks())!;
const texts: string[] = [];
for (const wire of WIRES)
  for (const length of LENGTHS) texts.push(sumText(wire, length, await ranks.sum(partOfRank(ranks.rank, length), wire)));
const all = await gatherTexts(ranks, texts.join('\n'));
if (ranks.rank === 0) process.stdout.write(`${all.join('\n')}\n`);
leaveRanks();
