/** Which files of a repository are chosen, and what the hub's refusals mean. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findModels } from '../../../src/weights/hub.ts';
import { chooseAdapter, chooseFiles, everyChoice } from '../../../src/weights/hub/choose.ts';
import { parseListing } from '../../../src/weights/hub/listing.ts';
import { shardFiles } from '../../../src/weights/hub/url.ts';
import { commitOf, TOKEN } from '../../hub-server.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';
import {
  bring,
  find,
  MemorySink,
  noise,
  options,
  serveHub,
  server,
  text,
  tiny,
  WEIGHTS,
} from './hub-world.ts';

serveHub();

describe('the listing', () => {
  it('is pinned to its commit, and has only what is needed', async () => {
    const offer = await find();
    expect(offer).toMatchObject({ name: 'tiny/model', licence: 'apache-2.0', gated: false });
    expect(offer.source).toBe(`${server.address}/tiny/model/tree/${commitOf(tiny)}`);
    expect(offer.files.map(({ name }) => name)).toEqual([
      'config.json',
      'tokenizer.json',
      'model.safetensors',
    ]);
    expect(offer.files[2]).toMatchObject({
      size: WEIGHTS.byteLength,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(offer.files[0]).toMatchObject({ gitSha1: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(await find(offer.source)).toEqual(offer);
  });

  it('has every other file that is read with the weights', async () => {
    const names = ['config.json', 'tokenizer.json', 'special_tokens_map.json', 'chat_template.json'];
    for (const asked of ['tiny/old', `${server.filesAddress}/plain/tiny/old/config.json`]) {
      const offer = await find(asked);
      expect(offer.files.map(({ name }) => name)).toEqual([...names, 'model.safetensors']);
    }
  });

  it('needs a choice of GGUF files', async () => {
    const error = await graftError(() => find('tiny/gguf'), 'hub-choose');
    expect(error.message).toContain('a.Q4_0.gguf, sub/a.Q8_0.gguf');
    const offer = await find(`${server.address}/tiny/gguf/blob/main/sub/a.Q8_0.gguf`);
    expect(offer.name).toBe('a.Q8_0');
    expect(offer.files.map(({ name }) => name)).toEqual(['a.Q8_0.gguf']);
    expect(await find(offer.source)).toEqual(offer);
  });

  it('is tried twice if a person waits for it, not as often as a download', async () => {
    server.fail(/\/api\/models\//, { status: 503 }, 6);
    const patience = { tries: 6, firstPauseMs: 1, longestPauseMs: 4, idleMs: 10_000 };
    await graftError(() => findModels('tiny/model', options({ patience })), 'hub-server');
    expect(server.requests).toHaveLength(2);
  });

  it('gives each of several choices of a model, pinned', async () => {
    const asked = 'tiny/both';
    server.repos.set(asked, {
      files: { ...tiny.files, 'b.gguf': noise(30_000, 6), 'a.gguf': noise(40_000, 7) },
    });
    const offers = await findModels(asked, options());
    expect(offers.map(({ files }) => files.at(-1)?.name)).toEqual(['model.safetensors', 'b.gguf', 'a.gguf']);
    for (const offer of offers) expect(await find(offer.source)).toEqual(offer);
    expect((await findModels('tiny/gguf', options())).map(({ bytes }) => bytes)).toEqual([40_000, 80_000]);
    expect(await findModels(offers[2].source, options())).toEqual([offers[2]]);
    await graftError(() => findModels('tiny/bin', options()), 'hub-no-weights');
  });

  it('takes shards with their index, all of them', async () => {
    const files = ['config.json', 'model.safetensors.index.json', 'model-00002-of-00002.safetensors'];
    const listed = (names: string[]): { path: string }[] => names.map((path) => ({ path }));
    await graftError(() => chooseFiles('m', listed(files)), 'hub-no-weights');
    const { files: chosen } = chooseFiles('m', listed([...files, 'model-00001-of-00002.safetensors']));
    expect(chosen.map(({ path }) => path)).toEqual([
      'config.json',
      'model.safetensors.index.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
  });

  it('takes the PEFT folder of a repository without a whole model', async () => {
    const adapter = ['adapter_config.json', 'adapter_model.safetensors'];
    const listed = (names: string[]): { path: string }[] => names.map((path) => ({ path }));
    const repo = listed([...adapter, 'SHA256SUMS', 'README.md', 'training_args.bin', 'checkpoint-9/x.bin']);
    const chosen = chooseFiles('a/adapter', repo);
    expect(chosen.adapter).toBe(true);
    expect(chosen.files.map(({ path }) => path)).toEqual([...adapter, 'README.md', 'SHA256SUMS']);
    expect(chooseAdapter('a/adapter', repo)).toEqual(chosen);
    // A whole model with an adapter in it stays a model.
    const both = listed([...adapter, 'config.json', 'model.safetensors']);
    expect(chooseFiles('a/both', both).adapter).toBeUndefined();
    const refused = await graftError(() => everyChoice('a/adapter', repo), 'hub-adapter');
    expect(refused.remedy).toContain('under Use');
    const old = await graftError(
      () => chooseAdapter('a/old', listed(['adapter_model.bin'])),
      'hub-no-weights',
    );
    expect(old.what).toContain('adapter_model.bin only');
    await graftError(() => chooseAdapter('a/model', both), 'hub-no-weights');
  });

  it('has the files that say how an encoder pools', () => {
    const files = [
      ...['1_Pooling/config.json', 'README.md', 'config.json', 'model.safetensors', 'modules.json'],
      ...['onnx/model.onnx', 'sentence_bert_config.json', 'tokenizer.json'],
    ].map((path) => ({ path }));
    expect(chooseFiles('a/encoder', files).files.map(({ path }) => path)).toEqual([
      ...['config.json', 'tokenizer.json', 'modules.json', 'sentence_bert_config.json'],
      ...['1_Pooling/config.json', 'model.safetensors'],
    ]);
  });

  it('says what a refusal means', async () => {
    await graftError(() => find('tiny/none'), 'hub-missing');
    await graftError(() => find('tiny/none', { token: TOKEN }), 'hub-missing');
    await graftError(() => find('tiny/model@v9'), 'hub-missing');
    await graftError(() => find('tiny/model', { token: 'hf_wrong' }), 'hub-token');
    expect((await graftError(() => find('tiny/bin'), 'hub-no-weights')).message).toContain(
      'pytorch_model.bin',
    );
    expect((await find('tiny/private', { token: TOKEN })).name).toBe('tiny/private');
    const gated = await graftError(() => bring(new MemorySink(), 'tiny/gated'), 'hub-gated');
    expect(gated.message).toContain(`${server.address}/tiny/gated`);
    expect(gated.message).toContain('Nothing was downloaded.');
  });

  it('is validated', async () => {
    const parse = (value: unknown): unknown => parseListing(text(value), 'it');
    const whole = { id: 'a/b', sha: 'a'.repeat(40), siblings: [{ rfilename: 'x', size: 1 }] };
    expect(parse(whole)).toMatchObject({ id: 'a/b', files: [{ path: 'x', size: 1 }] });
    for (const broken of [
      [],
      { ...whole, id: 3 },
      { ...whole, sha: '../..' },
      { ...whole, siblings: {} },
      { ...whole, siblings: [{ rfilename: 7 }] },
      { ...whole, siblings: [{ rfilename: 'x', size: -1 }] },
    ])
      await graftError(() => parse(broken), 'hub-listing');
    server.fail(/\/api\//, { bytes: new TextEncoder().encode('<html>') });
    await graftError(() => find(), 'json-syntax');
  });

  it('survives any JSON', async () => {
    const file = fc.record(
      {
        rfilename: fc.oneof(fc.string(), fc.constant('config.json'), fc.constant('a.gguf')),
        size: fc.jsonValue(),
        blobId: fc.jsonValue(),
        lfs: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const almost = fc.record(
      {
        id: fc.constant('a/b'),
        sha: fc.constant('a'.repeat(40)),
        siblings: fc.array(file),
        gated: fc.jsonValue(),
        cardData: fc.jsonValue(),
      },
      { requiredKeys: ['id'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), almost), async (value) => {
        await resultOrGraftError(() => {
          const listing = parseListing(text(value), 'it');
          chooseFiles('a/b', listing.files);
        });
        await resultOrGraftError(() => shardFiles(text({ weight_map: value }), 'it'));
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        await resultOrGraftError(() => parseListing(bytes, 'it'));
      }),
    );
  });
});
