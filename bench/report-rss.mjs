// Imported into a process (`node --import`): says at its end how much memory it held at most, in bytes.
import { writeSync } from 'node:fs';

process.on('exit', () => writeSync(2, `\npeak rss ${process.resourceUsage().maxRSS * 1024}\n`));
