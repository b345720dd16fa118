/**
 * Writes requests.json: what huggingface_hub sends for a folder, and to fetch files of it. `node --import tsx tests/reference/hub/record.ts`, with a Python that has it in GRAFT_PYTHON.
 * The hub is that of the tests, so that nothing leaves this machine.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HubServer, TOKEN } from '../../hub-server.ts';
import { downloadsOf, FETCHED, FOLDER, MESSAGE, prepare, REPO, requestsOf } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-hub-'));
for (const [name, content] of Object.entries(FOLDER)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}
const server = await HubServer.start();
prepare(server);
const script = join(import.meta.dirname, 'client.py');
const child = spawn(
  process.env['GRAFT_PYTHON'] ?? 'python3',
  [script, server.address, REPO, folder, MESSAGE, TOKEN, join(folder, 'again')],
  { stdio: ['pipe', 'pipe', 'inherit'] },
);
child.stdin.end(FETCHED.join(' '));
let version = '';
child.stdout.setEncoding('utf8').on('data', (piece: string) => (version += piece));
const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
if (code !== 0) throw new Error(`client.py ended with ${code}`);
const told = {
  huggingface_hub: version.trim(),
  upload: requestsOf(server.upload.heard, server),
  download: downloadsOf(server.requests),
};
writeFileSync(join(import.meta.dirname, 'requests.json'), `${JSON.stringify(told, null, 2)}\n`);
await server.close();
rmSync(folder, { recursive: true });
