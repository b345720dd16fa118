/**
 * Shared by all campaigns: flags, table and exit code. A campaign is a long test that `npm test` has no time for. It is one
 * file in this folder: `NAME.campaign.ts`, a program that calls {@link campaign}, or `NAME.test.ts`, which the test runner runs with a
 * served page and which calls {@link attack}. `run.ts` runs all of them.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.ts';

export interface CampaignOptions {
  /** Everything random follows from it. */
  readonly seed: number;
  /** The part of the full size that is run: 1 is the campaign of docs/reliability.md, 0.01 a quick look. */
  readonly share: number;
}

/** A line of the table. */
export interface Row {
  readonly what: string;
  readonly tried: number;
  readonly failed: number;
  /** Further facts: how the inputs ended, how many runs were resumed. */
  readonly note?: string;
}

function optionsFrom(args: string[]): CampaignOptions {
  const { values } = parseArgs({
    args,
    options: { seed: { type: 'string', default: '1' }, share: { type: 'string', default: '1' } },
  });
  const [seed, share] = [Number(values.seed), Number(values.share)];
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('--seed takes a whole number from 0');
  if (!(share > 0 && share <= 1)) throw new Error('--share takes a number above 0, up to 1');
  return { seed, share };
}

const number = (value: number): string => value.toLocaleString('en');

/** The rows as a table in Markdown, ready for docs/reliability.md. */
export function tableOf(name: string, rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, tried, failed, note = '' }) => `| ${what} | ${number(tried)} | ${number(failed)} | ${note} |`,
  );
  return [`| ${name} | tried | failed | |`, '|---|---:|---:|---|', ...lines].join('\n');
}

/**
 * Runs a campaign with the flags of this program (`--seed`, `--share`), prints its table, and exits with 1 if something failed or nothing was tried.
 */
export async function campaign(
  name: string,
  run: (options: CampaignOptions) => Promise<readonly Row[]>,
): Promise<void> {
  process.exitCode = (await attack(name, run, process.argv.slice(2))) ? 0 : 1;
}

/** Runs a campaign and prints its table. @returns whether something was tried and nothing failed */
export async function attack(
  name: string,
  run: (options: CampaignOptions) => Promise<readonly Row[]>,
  flags: string[],
): Promise<boolean> {
  const started = performance.now();
  try {
    const options = optionsFrom(flags);
    const rows = await run(options);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(`\n${tableOf(name, rows)}\n`);
    console.log(
      `${name}: seed ${options.seed}, share ${options.share}, ${seconds} s on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    );
    return rows.some(({ tried }) => tried > 0) && rows.every(({ failed }) => failed === 0);
  } catch (error) {
    console.error(`${name}: ${messageOf(error)}`);
    return false;
  }
}
