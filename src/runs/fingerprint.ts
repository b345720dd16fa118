/** The parts that a resumed run must share with the saved one, and the differences. */
import { GraftError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { Bytes } from '../data/lines.ts';
import { isHeld, spread, type List } from '../lists.ts';
import { flagText } from '../settings/flag-text.ts';
import type { Given } from '../settings/setting.ts';
import type { RunSpec } from '../settings/spec.ts';
import { asSaved, TABLE } from '../settings/table.ts';
import type { TokenRow } from '../text/trainable.ts';

/** SHA-256 while the bytes come: Node's own is ten times as fast as one in JavaScript, and the browser has none of this kind. */
export interface Hash {
  update(bytes: Uint8Array): unknown;
  /** Once, at the end. */
  hex(): string;
}
export type MakeHash = () => Hash;

/** The text after each flag, or `true` if the flag stands alone. */
type ReportedSettings = Readonly<Record<string, string | true>>;

/** Each part as a hash of its content; the types of the base weights in words, for messages. */
export interface RunParts {
  readonly data: string;
  readonly rows: string;
  readonly model: string;
  readonly weights: string;
  readonly base: string;
  /** The layers of the adapter, with their ranks. */
  readonly modules: string;
  /** The whole specification. Earlier versions saved a digest of it ({@link EarlierRun}). */
  readonly spec: RunSpec;
  /** The device, in words: on another device the run can be resumed, and its last bits differ. Earlier versions did not save it. */
  readonly device: string;
}

/** Parts that earlier versions did not save, and what cannot be checked without them. */
const ADDED = {
  weights: "the base model's weights",
  rows: 'the rows',
} as const satisfies Partial<Record<keyof RunParts, string>>;

/** Bytes of a file that are hashed at once. */
const PIECE = 8 * 2 ** 20;

/** The digest of rows that are made as they are taken starts with this. */
const SPREAD = 'spread';
/** Rows of each part that such a digest reads, spread evenly: another tokenizer or template changes all rows. */
const DIGESTED = 128;

export interface RunContent {
  /** The bytes of the data file, or their SHA-256 in hex if it is known. */
  readonly data: Bytes | { readonly sha256: string };
  /** The rows made of it, by this tokenizer and chat template and at this time. */
  readonly rows: readonly List<TokenRow>[];
  /** Type and shape of the base model. */
  readonly model: object;
  /** The content of its folder (`contentOf`). */
  readonly weights: string;
  /** The types of its weights (`LanguageModel.held`). */
  readonly base: string;
  readonly modules: object | undefined;
  /** With the precision that the run has. */
  readonly spec: RunSpec;
  readonly device: string;
}

/** What identifies a run. Data, rows, model and modules are digests in hexadecimal, so that the parts stay small. */
export function runParts(
  { data, rows, model, weights, base, modules, spec, device }: RunContent,
  sha256: MakeHash,
): RunParts {
  const digest = (content: string | Bytes): string => {
    const hash = sha256();
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    for (let start = 0; start < bytes.length; start += PIECE)
      hash.update(bytes.subarray(start, Math.min(bytes.length, start + PIECE)));
    return hash.hex();
  };
  return {
    data: 'sha256' in data ? data.sha256 : digest(data),
    rows: rowsDigest(rows, sha256),
    model: digest(JSON.stringify(model)),
    weights,
    base,
    modules: digest(JSON.stringify(modules) ?? ''),
    spec,
    device,
  };
}

function rowsDigest(rows: readonly List<TokenRow>[], sha256: MakeHash): string {
  return rows.every(isHeld) ? digestRows(rows, sha256()) : `${SPREAD} ${digestSpread(rows, sha256())}`;
}

/** The specification of a saved run; undefined for one of an earlier version, which saved a digest of it. */
export function savedSpec(fingerprint: string): RunSpec | undefined {
  const spec = partsOf(fingerprint)?.spec;
  return isObject(spec) ? (spec as unknown as RunSpec) : undefined;
}

/**
 * What of a saved run is not what it was, in words: its base by the content of its files, and its rows.
 *
 * @param now training and validation rows, and `contentOf` the base
 */
export function changedSince(
  fingerprint: string,
  now: Pick<RunContent, 'rows' | 'weights'>,
  sha256: MakeHash,
): string | undefined {
  const saved = partsOf(fingerprint);
  if (saved?.weights !== now.weights) return 'the base model';
  return saved.rows === rowsDigest(now.rows, sha256) ? undefined : 'the rows';
}

/** The parts in a saved run. */
export function fingerprintOf(parts: RunParts): string {
  return JSON.stringify(parts);
}

/** The settings that a resumed run shares with the saved one: the numbers do not depend on the others, or other parts compare them. */
const COMPARED = TABLE.settings.filter(
  ({ name, part }) => part === 'run' || part === 'rows' || name === 'precision',
);

/** These settings as flags. */
function reportedSettings(given: Given): ReportedSettings {
  const spec = asSaved(given);
  const values = TABLE.resolve(spec);
  return Object.fromEntries(
    COMPARED.flatMap((setting): [string, string | true][] => {
      const value = (setting.part === 'rows' ? values : spec)[setting.name];
      if (setting.flag === undefined || value === undefined) return [];
      const after = flagText(setting, value);
      return after === false || after === '' ? [] : [[setting.flag, after]];
    }),
  );
}

/** The same as text: equal for equal settings. */
function comparedOf(spec: Given): string {
  const values = TABLE.resolve(asSaved(spec));
  return JSON.stringify([...COMPARED.map(({ name }) => values[name] ?? null), spec['firstToken'] ?? null]);
}

/** A digest of the settings as the version before wrote one, by which its runs are resumed. */
export interface EarlierRun {
  readonly settings: string;
}

/**
 * @param earlier made if the saved run is of an earlier version
 * @returns what could not be compared, in words: runs of earlier versions lack some parts
 * @throws GraftError `train-resume` saying what differs
 */
export function checkResumed(fingerprint: string, now: RunParts, earlier: () => EarlierRun): string[] {
  const saved = partsOf(fingerprint);
  const remedy = 'Resume with exactly the arguments of the interrupted run.';
  if (!saved) throw new GraftError('train-resume', 'graft train did not save this run.', remedy);
  const unknown = (Object.keys(ADDED) as (keyof typeof ADDED)[]).filter(
    (part) => !Object.hasOwn(saved, part),
  );
  const differs = (part: Exclude<keyof RunParts, 'spec'>): boolean =>
    saved[part] !== now[part] && !unknown.some((name) => name === part);
  const isOther = isObject(saved.spec)
    ? comparedOf(saved.spec) !== comparedOf(now.spec) || differs('modules')
    : saved.settings !== earlier().settings;
  const differences = [
    ...(differs('data') ? ['other data'] : []),
    ...(differs('model') || differs('weights') ? ['another model'] : []),
    ...(differs('base') ? [`other base weights (${String(saved.base)}, and not ${now.base})`] : []),
    ...(isOther ? [`other settings${tellOthers(saved, now.spec)}`] : []),
  ];
  if (differences.length > 0)
    throw new GraftError('train-resume', `The saved run had ${differences.join(' and ')}.`, remedy);
  if (differs('rows'))
    throw new GraftError(
      'train-resume',
      'The saved run made other rows of the same data.',
      'The chat template or the tokenizer changed since: put back what they were, or start the run again.',
    );
  return unknown.map((part) => ADDED[part]);
}

/** Which settings differ: ` (--lr 0.001 then, 0.01 now)`; '' if unknown. */
function tellOthers(run: SavedParts, spec: RunSpec): string {
  const saved = toldOfSaved(run);
  if (!saved) return '';
  const now = reportedSettings(spec);
  const shown = (value: unknown): string =>
    value === undefined ? 'not given' : value === true ? 'given' : String(value);
  const flags = [...new Set([...Object.keys(saved), ...Object.keys(now)])];
  const others = flags.filter((flag) => saved[flag] !== now[flag]);
  const list = others.map((flag) => `--${flag} ${shown(saved[flag])} then, ${shown(now[flag])} now`);
  return list.length > 0 ? ` (${list.join('; ')})` : '';
}

/** The settings of a saved run as flags; none for one of the first versions. */
export function toldSettingsOf(fingerprint: string): ReportedSettings {
  return toldOfSaved(partsOf(fingerprint) ?? {}) ?? {};
}

function toldOfSaved({ spec, told: reported }: SavedParts): ReportedSettings | undefined {
  return isObject(spec)
    ? reportedSettings(spec)
    : isObject(reported)
      ? (reported as ReportedSettings)
      : undefined;
}

/** @returns the device on which a saved run began, if it is not the current one */
export function otherDevice(fingerprint: string, now: RunParts): string | undefined {
  const device = partsOf(fingerprint)?.device;
  return typeof device === 'string' && device !== now.device ? device : undefined;
}

/** The parts of a saved run: of an earlier version with a digest of its settings, and later also with these as flags. */
type SavedParts = Partial<Record<keyof RunParts | 'settings' | 'told', unknown>>;

function partsOf(fingerprint: string): SavedParts | undefined {
  try {
    const parts = JSON.parse(fingerprint) as unknown;
    return isObject(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a saved run's digest is of all of its rows. */
export function digestedAll(fingerprint: string): boolean {
  const rows = partsOf(fingerprint)?.rows;
  return typeof rows === 'string' && !rows.startsWith(SPREAD);
}

function digestSpread(parts: readonly List<TokenRow>[], hash: Hash): string {
  const lengths = Int32Array.from(parts, ({ length }) => length);
  hash.update(new Uint8Array(lengths.buffer));
  return digestRows(
    parts.map((rows) => spread(rows, DIGESTED)),
    hash,
  );
}

function digestRows(parts: readonly (readonly TokenRow[])[], hash: Hash): string {
  const add = (numbers: Int32Array<ArrayBuffer>): unknown => hash.update(new Uint8Array(numbers.buffer));
  for (const rows of parts) {
    add(Int32Array.of(rows.length));
    for (const { ids, labels, starts, desirable, asks, task } of rows) {
      add(Int32Array.of(ids.length));
      add(Int32Array.from(ids));
      add(Int32Array.from(labels));
      if (starts) add(Int32Array.from(starts));
      if (desirable !== undefined) add(Int32Array.of(Number(desirable)));
      if (asks) add(Int32Array.of(2));
      if (task) hash.update(new TextEncoder().encode(JSON.stringify(task)));
    }
  }
  return hash.hex();
}
