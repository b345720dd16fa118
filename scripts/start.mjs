// @ts-check
/** `npm start`: builds the production page and serves it. Needs the npm packages and nothing else, and no network. `-- --port N` chooses the port. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './machine.mjs';

if (!existsSync(join(root, 'node_modules', 'vite'))) {
  console.error('The npm packages are not installed. Run: npm ci');
  process.exit(1);
}
/** @returns the chosen port; undefined for vite's own */
function chosenPort() {
  try {
    const { port } = parseArgs({ options: { port: { type: 'string' } } }).values;
    if (port === undefined) return undefined;
    const number = Number(port);
    if (Number.isInteger(number) && number > 0 && number < 65536) return number;
    console.error(`--port takes a number from 1 to 65535, not ${port}.`);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}. Usage: npm start -- --port N`);
  }
  process.exit(2);
}
const port = chosenPort();
const { build, preview } = await import('vite');

console.log('Building the page');
await build({ root, logLevel: 'warn' });
try {
  const server = await preview({ root, ...(port && { preview: { port } }) });
  console.log(`\nGraft is at ${server.resolvedUrls?.local[0]}`);
  console.log(
    'Open it in Chrome or Edge from 123, Firefox from 121 or Safari from 17.5, with a GPU or without. Ctrl-C stops it.',
  );
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(
    `Cannot serve the page: ${reason}. End what uses the port, or choose another with: npm start -- --port N`,
  );
  process.exitCode = 1;
}
