/** Firefox and WebKit, driven by Debian's packages: Firefox by its own protocol (Marionette), WebKitGTK's small browser by WebDriver. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A browser with one page. */
export interface OtherBrowser {
  readonly name: string;
  open(address: string): Promise<void>;
  /** Runs the body of a function in the page. @returns what it returns, as JSON can hold it */
  run(script: string): Promise<unknown>;
  close(): Promise<void>;
}

const FIREFOX = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => existsSync(path));
const WEBKIT_DRIVER = '/usr/bin/WebKitWebDriver';
/** In a folder for the machine and one for the version. */
const MINI_BROWSER = readdirSync('/usr/lib')
  .flatMap((machine) =>
    ['4.1', '4.0'].map((version) => `/usr/lib/${machine}/webkit2gtk-${version}/MiniBrowser`),
  )
  .find((path) => existsSync(path));

/** The browsers here, and how each is opened; undefined if it is not installed. */
export const OTHER_BROWSERS = {
  Firefox: FIREFOX ? () => openFirefox(FIREFOX) : undefined,
  WebKit:
    MINI_BROWSER && existsSync(WEBKIT_DRIVER) && existsSync('/usr/bin/xvfb-run')
      ? () => openWebKit(MINI_BROWSER)
      : undefined,
};

const STARTS_WITHIN_MS = 60_000;

/** Tries again and again until it works. */
async function whenThere<T>(attempt: () => Promise<T>): Promise<T> {
  const start = Date.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() - start > STARTS_WITHIN_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** A program and all that it starts, ended together. */
function start(command: string, parameters: readonly string[]): { end(): void } {
  // Charts ask for the language of the browser, and "C" is none.
  const env = { ...process.env, LANG: 'en_GB.UTF-8', LANGUAGE: 'en_GB' };
  const child: ChildProcess = spawn(command, parameters, { stdio: 'ignore', detached: true, env });
  return {
    end() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    },
  };
}

async function openFirefox(program: string): Promise<OtherBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'graft-firefox-'));
  const port = 2828;
  const child = start(program, ['--headless', '--marionette', '--no-remote', '--profile', profile]);
  const socket = await whenThere(
    () =>
      new Promise<Socket>((resolve, reject) => {
        const made = connect(port, '127.0.0.1', () => resolve(made));
        made.once('error', reject);
      }),
  );
  const waiting = new Map<number, (answer: readonly unknown[]) => void>();
  let rest = Buffer.alloc(0);
  socket.on('data', (part) => {
    rest = Buffer.concat([rest, part]);
    // Each message is its length, a colon, and JSON.
    for (let colon = rest.indexOf(':'); colon > 0; colon = rest.indexOf(':')) {
      const end = colon + 1 + Number(rest.subarray(0, colon).toString());
      if (rest.length < end) return;
      const message = JSON.parse(rest.subarray(colon + 1, end).toString()) as unknown;
      rest = rest.subarray(end);
      if (Array.isArray(message)) waiting.get(message[1] as number)?.(message);
    }
  });
  let sent = 0;
  const call = (name: string, parameters: object = {}): Promise<{ readonly value?: unknown }> =>
    new Promise((resolve, reject) => {
      const id = ++sent;
      waiting.set(id, ([, , error, result]) =>
        error ? reject(new Error(JSON.stringify(error))) : resolve(result as { value?: unknown }),
      );
      const text = JSON.stringify([0, id, name, parameters]);
      socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  await call('WebDriver:NewSession');
  return {
    name: 'Firefox',
    open: async (address) => void (await call('WebDriver:Navigate', { url: address })),
    run: async (script) => (await call('WebDriver:ExecuteScript', { script, args: [], sandbox: null })).value,
    async close() {
      socket.destroy();
      child.end();
      await new Promise((resolve) => setTimeout(resolve, 500));
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

async function openWebKit(program: string): Promise<OtherBrowser> {
  const port = 4455;
  // It has no way to run without a screen.
  const child = start('/usr/bin/xvfb-run', ['-a', WEBKIT_DRIVER, `--port=${port}`]);
  const call = async (method: 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const { value } = (await answer.json()) as { readonly value: unknown };
    if (!answer.ok) throw new Error(JSON.stringify(value));
    return value;
  };
  const alwaysMatch = { 'webkitgtk:browserOptions': { binary: program, args: ['--automation'] } };
  const { sessionId } = (await whenThere(() =>
    call('POST', '/session', { capabilities: { alwaysMatch } }),
  )) as { readonly sessionId: string };
  const session = `/session/${sessionId}`;
  return {
    name: 'WebKit',
    open: async (address) => void (await call('POST', `${session}/url`, { url: address })),
    run: (script) => call('POST', `${session}/execute/sync`, { script, args: [] }),
    async close() {
      await call('DELETE', session).catch(() => undefined);
      child.end();
    },
  };
}
