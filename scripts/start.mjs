// @ts-check
/** `npm start`: builds the production page and serves it. Needs the npm packages and nothing else, and no network. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine.mjs';

if (!existsSync(join(root, 'node_modules', 'vite'))) {
  console.error('The npm packages are not installed. Run: npm ci');
  process.exit(1);
}
const { build, preview } = await import('vite');

console.log('Building the page');
await build({ root, logLevel: 'warn' });
try {
  const server = await preview({ root });
  console.log(`\nGraft is at ${server.resolvedUrls?.local[0]}`);
  console.log(
    'Open it in Chrome or Edge from 123, Firefox from 121 or Safari from 17.5, with a GPU or without. Ctrl-C stops it.',
  );
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(
    `Cannot serve the page: ${reason}. End what uses the port, or choose another with: npx vite preview --port N`,
  );
  process.exitCode = 1;
}
