/** The benchmark page: the name of a browser, and the text of a result. */
import { describe, expect, test } from 'vitest';
import type { DeviceCheck } from '../../../src/evaluate/check-words.ts';
import { asJson, asMarkdown, browserOf, type Report } from '../../../src/app/benchmark/report.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
const SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15';
const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';

describe('a browser', () => {
  test('is named by its own brand, if it reports one', () => {
    const brands = [
      { brand: 'Not_A Brand', version: '99' },
      { brand: 'Chromium', version: '156' },
      { brand: 'Microsoft Edge', version: '156' },
    ];
    expect(browserOf({ userAgent: CHROME, userAgentData: { brands, platform: 'Windows' } })).toEqual({
      browser: 'Microsoft Edge 156',
      system: 'Windows',
    });
    expect(
      browserOf({ userAgent: CHROME, userAgentData: { brands: brands.slice(0, 2), platform: '' } }),
    ).toEqual({ browser: 'Chromium 156', system: 'Windows NT 10.0' });
  });
  test.each([
    [FIREFOX, 'Firefox 145.0', 'X11'],
    [SAFARI, 'Safari 26.1', 'Macintosh'],
    [CHROME, 'Chrome 156.0.0.0', 'Windows NT 10.0'],
    ['', 'unknown', 'unknown system'],
  ])('is read from %s', (userAgent, browser, system) => {
    expect(browserOf({ userAgent })).toEqual({ browser, system });
  });
});

describe('a result', () => {
  const report: Report = {
    graft: '0.1.0',
    browser: 'Firefox 145.0',
    system: 'X11',
    date: '2026-11-25',
    benchmark: {
      device: {
        kind: 'gpu',
        name: 'odd|name*',
        software: false,
        f16: true,
        subgroups: true,
        maxBufferBytes: 2 ** 31,
      },
      matmul: [{ layout: 'NT', M: 512, N: 8, K: 576, seconds: 0.0021, gflops: 2.2469 }],
      attention: [
        { tokens: 128, heads: 4, kvHeads: 2, headSize: 32, forwardSeconds: 0.0007, bothSeconds: 0.2 },
      ],
      training: {
        rows: 8,
        length: 64,
        tokens: 512,
        secondsPerStep: 0.238,
        tokensPerSecond: 2151.3,
        firstStepRatio: 0.98,
        compileSeconds: 1.24,
        dispatches: 428,
        flops: 1e9,
        submits: 2,
        matmulSeconds: 0.1785,
        matmulEfficiency: 0.75,
        gpuBytes: 31 * 2 ** 20,
        minimumBytes: 30 * 2 ** 20,
      },
      decoding: { prefillTokensPerSecond: 5407, decodeTokensPerSecond: 222 },
    },
  };
  test('is a table of Markdown that a name cannot break', () => {
    expect(asMarkdown(report).split('\n')).toEqual([
      '**odd\\|name\\*** (f16, subgroups), Firefox 145.0 on X11, Graft 0.1.0, 2026-11-25; f32, medians',
      '',
      '| | |',
      '|---|---|',
      '| A · Bᵀ, 512 × 8 × 576 | 2.25 GFLOP/s |',
      '| Training step of Sprig, LoRA r = 8, 8 rows of 64 tokens | 238 ms, 2,151 tokens/s |',
      '| Matmuls of the step | 179 ms, 0.75 of it |',
      '| Submits, dispatches of the step | 2, 428 |',
      '| First step against a warm one | 0.98 ×, compiled in 1.2 s |',
      '| Memory of the step | 31 MiB, 1.033 × the least possible |',
      '| Decoding Sprig | 222 tokens/s, prompt 5,407 tokens/s |',
      '| Attention, 128 tokens, 4 heads (2) of 32 | 0.70 ms, with backward 200 ms |',
      '',
    ]);
  });
  test('says how its kernels compare with the CPU’s', () => {
    const checked = (check: DeviceCheck): string =>
      asMarkdown({ ...report, benchmark: { ...report.benchmark, check } });
    const fine = { cases: 24, worst: 2.1e-6, dropped: [], differing: [] };
    expect(checked(fine)).toContain(
      '| Kernels against the CPU | All 24 checks agree with the CPU, within 2.1e-6 of the largest number. |',
    );
    expect(checked({ ...fine, dropped: ['tall tiles'], differing: ['answers'] })).toContain(
      '1 of 24 checks differ from the CPU: answers. Given up, since they computed something else: tall tiles.',
    );
  });
  test('is the whole of it as JSON', () => {
    expect(JSON.parse(asJson(report))).toEqual(report);
  });
});
