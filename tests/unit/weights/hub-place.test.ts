/** What a person types for a model: a repository, a file of it, or any address. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hubAddress, parsePlace } from '../../../src/weights/hub.ts';
import { placeAddress } from '../../../src/weights/hub/place.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

describe('a typed place', () => {
  it.each([
    ['HuggingFaceTB/SmolLM2-135M-Instruct', 'HuggingFaceTB/SmolLM2-135M-Instruct', 'main'],
    ['  gpt2 ', 'gpt2', 'main'],
    ['a/b@v1.0', 'a/b', 'v1.0'],
    ['a/b@refs/pr/1', 'a/b', 'refs/pr/1'],
    ['https://huggingface.co/a/b', 'a/b', 'main'],
    ['https://hf.co/a/b/', 'a/b', 'main'],
    ['https://huggingface.co/a/b/tree/v2', 'a/b', 'v2'],
    ['https://huggingface.co/a/b/blob/main/config.json', 'a/b', 'main'],
  ])('%s is a repository', (asked, repo, revision) => {
    expect(parsePlace(asked)).toEqual({ kind: 'repo', hub: 'https://huggingface.co', repo, revision });
  });

  it.each([
    ['datasets/a/b', undefined, 'main'],
    ['datasets/squad@v1', undefined, 'v1'],
    ['https://huggingface.co/datasets/a/b', undefined, 'main'],
    ['https://hf.co/datasets/squad/', undefined, 'main'],
    ['https://huggingface.co/datasets/a/b/tree/refs%2Fconvert%2Fparquet', undefined, 'refs/convert/parquet'],
    ['https://huggingface.co/datasets/a/b/viewer', undefined, undefined],
    ['https://huggingface.co/datasets/a/b/resolve/main/data/x.parquet', 'data/x.parquet', 'main'],
  ])('%s is a data set, or its file %s', async (asked, file, revision) => {
    if (revision === undefined) {
      await graftError(() => parsePlace(asked), 'hub-address');
      return;
    }
    const place = parsePlace(asked);
    expect(place).toMatchObject({
      kind: 'repo',
      dataSet: true,
      revision,
      repo: asked.includes('squad') ? 'squad' : 'a/b',
    });
    expect('file' in place ? place.file : undefined).toBe(file);
    // Its address leads to the same place.
    if (place.kind === 'repo') expect(parsePlace(placeAddress(place))).toEqual(place);
  });

  it('names one GGUF file by its address, at any hub', () => {
    const place = parsePlace('https://mirror.example/hf/a/b/resolve/main/sub/x.Q4_0.gguf?download=true');
    expect(place).toEqual({
      kind: 'repo',
      hub: 'https://mirror.example/hf',
      repo: 'a/b',
      revision: 'main',
      file: 'sub/x.Q4_0.gguf',
    });
  });

  it.each([
    ['https://example.org/m/x.gguf?key=1', 'https://example.org/m/x.gguf?key=1'],
    ['https://example.org/m/x/', 'https://example.org/m/x/'],
    ['https://example.org/m/x', 'https://example.org/m/x/'],
    ['https://example.org/m/x/config.json', 'https://example.org/m/x/'],
  ])('%s is an address', (asked, url) => {
    expect(parsePlace(asked)).toEqual({ kind: 'url', url });
  });

  it.each([
    '',
    'a/b/c',
    '../x',
    'a/..',
    'a b',
    'a/b@',
    'a/b@../x',
    'ftp://x/y',
    'https://u:p@x.org/y.gguf',
    'https://huggingface.co/',
  ])('refuses %j', async (asked) => {
    await graftError(() => parsePlace(asked), 'hub-address');
  });

  it('reads the addresses that it writes', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9][\w-]{0,12}$/);
    fc.assert(
      fc.property(
        name,
        name,
        fc.stringMatching(/^[\w-]{1,12}(\/[\w-]{1,6})?$/),
        fc.option(name),
        (org, repo, revision, file) => {
          const place = {
            ...{ kind: 'repo' as const, hub: 'https://mirror.example', repo: `${org}/${repo}`, revision },
            ...(file !== null && { file: `${file}.gguf` }),
          };
          expect(parsePlace(placeAddress(place))).toEqual(place);
        },
      ),
    );
  });

  it('survives whatever is typed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), async (asked) => {
        await resultOrGraftError(() => parsePlace(asked));
        await resultOrGraftError(() => hubAddress(asked));
      }),
    );
  });
});
