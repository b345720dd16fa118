/** A result of the benchmark as text that people can send. */
import type { Benchmark, DeviceFacts } from '../../worker/api.ts';
import { checkWords } from '../../evaluate/check-words.ts';
import { bytes } from '../ui/format.ts';
import { count } from '../../numbers.ts';

export interface Report {
  readonly graft: string;
  /** Name and version of the browser, as far as it tells. */
  readonly browser: string;
  readonly system: string;
  readonly date: string;
  readonly benchmark: Benchmark;
}

interface Brand {
  readonly brand: string;
  readonly version: string;
}
/** Chromium's own words, if it has them: https://wicg.github.io/ua-client-hints/ */
interface UserAgentData {
  readonly brands: readonly Brand[];
  readonly platform: string;
}

/** The brands that a browser reports, without the made-up ones that exist to test parsers. */
export function browserOf({
  userAgent,
  userAgentData,
}: {
  readonly userAgent: string;
  readonly userAgentData?: UserAgentData;
}): { readonly browser: string; readonly system: string } {
  const real = userAgentData?.brands.filter(({ brand }) => !/not.?a.?brand/i.test(brand)) ?? [];
  const own = real.find(({ brand }) => brand !== 'Chromium') ?? real.at(0);
  const system = /\(([^;)]+)/.exec(userAgent)?.[1] ?? 'unknown system';
  if (userAgentData && own)
    return { browser: `${own.brand} ${own.version}`, system: userAgentData.platform || system };
  const named =
    /(Firefox)\/([\d.]+)/.exec(userAgent) ??
    /(Edg|Chrome)\/([\d.]+)/.exec(userAgent) ??
    /Version\/([\d.]+).*(Safari)/.exec(userAgent);
  const [name, version] =
    named?.[2] === 'Safari' ? ['Safari', named[1]] : [named?.[1] ?? 'unknown', named?.[2] ?? ''];
  return { browser: `${name} ${version}`.trim(), system };
}

export const speed = (gflops: number): string =>
  `${gflops >= 100 ? count(gflops) : gflops.toFixed(gflops >= 10 ? 1 : 2)} GFLOP/s`;

export const milliseconds = (seconds: number): string => {
  const value = seconds * 1000;
  return `${value >= 100 ? count(value) : value.toFixed(value >= 10 ? 1 : 2)} ms`;
};

const LAYOUTS = { NN: 'A · B', NT: 'A · Bᵀ', TN: 'Aᵀ · B' };

export const productName = ({ layout, M, N, K }: Benchmark['matmul'][number]): string =>
  `${LAYOUTS[layout]}, ${M} × ${N} × ${K}`;

/** The rows beside the products: a name and a figure. */
export function figures({ attention, training, decoding, check }: Benchmark): [string, string][] {
  return [
    [
      `Training step of Sprig, LoRA r = 8, ${training.rows} rows of ${training.length} tokens`,
      `${milliseconds(training.secondsPerStep)}, ${count(training.tokensPerSecond)} tokens/s`,
    ],
    [
      'Matmuls of the step',
      `${milliseconds(training.matmulSeconds)}, ${training.matmulEfficiency.toFixed(2)} of it`,
    ],
    ['Submits, dispatches of the step', `${training.submits}, ${training.dispatches}`],
    [
      'First step against a warm one',
      `${training.firstStepRatio.toFixed(2)} ×, compiled in ${training.compileSeconds.toFixed(1)} s`,
    ],
    [
      'Memory of the step',
      `${bytes(training.gpuBytes)}, ${(training.gpuBytes / training.minimumBytes).toFixed(3)} × the least possible`,
    ],
    [
      'Decoding Sprig',
      `${count(decoding.decodeTokensPerSecond)} tokens/s, prompt ${count(decoding.prefillTokensPerSecond)} tokens/s`,
    ],
    ...attention.map(
      ({ tokens, heads, kvHeads, headSize, forwardSeconds, bothSeconds }): [string, string] => [
        `Attention, ${tokens} tokens, ${heads} heads (${kvHeads}) of ${headSize}`,
        `${milliseconds(forwardSeconds)}, with backward ${milliseconds(bothSeconds)}`,
      ],
    ),
    ...(check ? [['Kernels against the CPU', checkWords(check)] satisfies [string, string]] : []),
  ];
}

export const runsOnSoftware = (device: DeviceFacts): boolean => device.kind === 'gpu' && device.software;

function featuresOf(device: DeviceFacts): string[] {
  const features: Record<string, boolean> =
    device.kind === 'gpu'
      ? { software: device.software, f16: device.f16, subgroups: device.subgroups }
      : { [device.threads === 1 ? '1 thread' : `${device.threads} threads`]: true };
  return Object.keys(features).filter((name) => features[name]);
}

export function asMarkdown({ graft, browser, system, date, benchmark }: Report): string {
  const { device, matmul } = benchmark;
  const features = featuresOf(device);
  const rows = [
    ...matmul.map((result): [string, string] => [productName(result), speed(result.gflops)]),
    ...figures(benchmark),
  ];
  return [
    `**${escaped(device.name)}**${features.length > 0 ? ` (${features.join(', ')})` : ''}, ${escaped(browser)} on ${escaped(system)}, Graft ${graft}, ${date}; f32, medians`,
    '',
    '| | |',
    '|---|---|',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
  ].join('\n');
}

export const asJson = (report: Report): string => `${JSON.stringify(report, null, 2)}\n`;

/** Names come from drivers and browsers. */
const escaped = (text: string): string => text.replace(/[\\|*_`<[\]]/g, '\\$&');
