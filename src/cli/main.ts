/** `graft COMMAND`: the process of the headless command. */
import { runCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { createOutput } from './output.ts';

// A reader that closes standard output early (`graft … | head`) ends the command quietly. If standard error is closed, work continues.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.fine);
  throw error;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Dawn keeps the process alive: leave as soon as all is written.
process.exit(await runCommand(process.argv.slice(2), createOutput()));
