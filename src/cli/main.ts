/** `graft COMMAND`: the process of the headless command. */
import { runCommand } from './commands.ts';
import { createOutput } from './output.ts';

// Dawn keeps the process alive: leave as soon as all is written.
process.exit(await runCommand(process.argv.slice(2), createOutput()));
