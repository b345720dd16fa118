/** A push and a download next to those of the hub's own client, huggingface_hub: the same requests, with the same fields (tests/reference/hub). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fetchModel, findHubAdapter } from '../../../src/weights/hub.ts';
import { MemorySink } from '../../../src/weights/hub/memory-sink.ts';
import { pushFiles } from '../../../src/weights/hub/push.ts';
import { HubServer, TOKEN } from '../../hub-server.ts';
import {
  downloadsOf,
  FETCHED,
  FOLDER,
  MESSAGE,
  prepare,
  REPO,
  requestsOf,
  type Sent,
} from '../../reference/hub/world.ts';

const theirs = JSON.parse(
  readFileSync(new URL('../../reference/hub/requests.json', import.meta.url), 'utf8'),
) as { readonly upload: readonly Sent[]; readonly download: readonly string[] };

test('a push sends what huggingface_hub sends, and a download asks for the same addresses', async () => {
  const server = await HubServer.start();
  try {
    prepare(server);
    const pushed = await pushFiles(
      Object.entries(FOLDER).map(([name, bytes]) => ({ name, content: new Blob([bytes]) })),
      {
        ...{ hub: server.address, repo: REPO, token: TOKEN, signal: new AbortController().signal },
        ...{ private: true, message: MESSAGE },
      },
    );
    expect(pushed.ignored).toEqual(['notes/todo.txt']);
    expect(requestsOf(server.upload.heard, server)).toEqual(theirs.upload);
    server.requests.length = 0;
    const { hub, token, signal } = {
      hub: server.address,
      token: TOKEN,
      signal: new AbortController().signal,
    };
    const offer = await findHubAdapter(REPO, { hub, token, signal });
    const files = offer.files.filter(({ name }) => FETCHED.includes(name));
    const sink = new MemorySink();
    await fetchModel({ ...offer, files }, sink, { hub, token, signal });
    expect(downloadsOf(server.requests)).toEqual(theirs.download);
  } finally {
    await server.close();
  }
});
