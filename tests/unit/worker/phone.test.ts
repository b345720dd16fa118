import { expect, test } from 'vitest';
import { phoneBytes } from '../../../src/worker/device/phone.ts';

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1';
const ANDROID =
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36';
const FIREFOX_ANDROID = 'Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0';
const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15';
const LINUX =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';

test('iPhones and iPads leave a tab less than the 1.5 GB at which it is ended', () => {
  for (const userAgent of [IPHONE, IPHONE.replaceAll('iPhone', 'iPad')])
    expect(phoneBytes({ userAgent })).toBe(1.2e9);
});

test('an Android phone leaves a part of the memory that it reports', () => {
  const at = (deviceMemory: number): number | undefined =>
    phoneBytes({ userAgent: ANDROID, userAgentData: { mobile: true }, deviceMemory });
  expect(at(8)).toBeCloseTo(0.4 * 8 * 2 ** 30, 0);
  expect(at(2)).toBeCloseTo(0.4 * 2 * 2 ** 30, 0);
  expect(phoneBytes({ userAgent: FIREFOX_ANDROID })).toBe(1.2e9);
});

test('computers have no such limit', () => {
  expect(phoneBytes({ userAgent: MAC })).toBeUndefined();
  expect(phoneBytes({ userAgent: LINUX, userAgentData: { mobile: false }, deviceMemory: 4 })).toBeUndefined();
});
