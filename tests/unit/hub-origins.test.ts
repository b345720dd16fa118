/** The servers that a built page may reach. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { HUB_UPLOADS, hubOrigins } from '../../scripts/hub-origins.mjs';

const ROOT = resolve(import.meta.dirname, '../..');

it('names each store of uploads by one origin', () => {
  expect(hubOrigins(HUB_UPLOADS.join(' '))).toEqual(HUB_UPLOADS);
});

describe('GRAFT_HUBS', () => {
  it('names origins, as many as there are', () => {
    expect(hubOrigins('')).toEqual([]);
    expect(
      hubOrigins(
        ' https://hub.example.org\nhttp://localhost:8080  https://HUB.example.org:443 http://[::1]:99 ',
      ),
    ).toEqual([
      'https://hub.example.org',
      'http://localhost:8080',
      'https://hub.example.org',
      'http://[::1]:99',
    ]);
  });

  it.each([
    'https://*',
    'https://*.example.org',
    'http://*:80',
    '*',
    'https:',
    'https://',
    'hub.example.org',
    'ftp://hub.example.org',
    'data:text/html,x',
    'https://hub.example.org/',
    'https://hub.example.org/models',
    'https://user:secret@hub.example.org',
    'https://hub.example.org?x',
    'https://hub.example.org;script-src',
    'https://a.example,https://b.example',
    "'unsafe-inline'",
  ])('refuses %s', (value) => {
    expect(() => hubOrigins(value)).toThrow('GRAFT_HUBS: ');
  });

  it.each([['build'], ['preview'], ['dev']])('stops vite %s', async (command) => {
    const vite = resolve(ROOT, 'node_modules/vite/bin/vite.js');
    const run = promisify(execFile)(process.execPath, [vite, command], {
      cwd: ROOT,
      env: { ...process.env, GRAFT_HUBS: 'https://*' },
      timeout: 60_000,
    });
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has a wildcard') as string,
    });
  });
});
