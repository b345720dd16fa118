/**
 * The settings of a run as the version before the one specification saved them: a digest over two objects, one of the trainer with the adapter's settings
 * inside, one about the rows. A run that it saved is resumed if the settings of the call give the same digest.
 */
import type { Bytes } from '../data/lines.ts';
import type { DataOptions } from '../data/options.ts';
import type { Given } from '../settings/setting.ts';
import type { RunSpec } from '../settings/spec.ts';
import { TABLE } from '../settings/table.ts';
import type { EarlierRun, MakeHash } from './fingerprint.ts';

/** Settings that lay inside, in any order. */
const OF_ADAPTER: readonly string[] = [
  'rank',
  'alpha',
  'dropout',
  'rsLora',
  'targets',
  'rankPattern',
  'alphaPattern',
  'layersToTransform',
  'modulesToSave',
  'addTokens',
  'firstToken',
];

/** The rows of the run, and their files. */
interface EarlierRows {
  readonly file: string;
  readonly test?: string;
  readonly more: readonly string[];
  readonly options: Omit<DataOptions, 'maxLength'>;
  /** Whether rewards could read all columns. */
  readonly keepsColumns: boolean;
}

interface EarlierContent {
  readonly spec: RunSpec;
  readonly rows: EarlierRows;
  readonly dtype: 'f32' | 'f16';
  readonly modules: object | undefined;
}

/** The digest of these settings, as the earlier version computed it: SHA-256 in hexadecimal. */
export function earlierRun({ spec, rows, dtype, modules }: EarlierContent, sha256: MakeHash): EarlierRun {
  const settings = { options: earlierOptions(spec), dataOptions: rowsOf(rows), dtype, modules };
  const hash = sha256();
  const bytes: Bytes = new TextEncoder().encode(JSON.stringify(settings));
  hash.update(bytes.subarray(0, bytes.length));
  return { settings: hash.hex() };
}

/** The object of the trainer. The order of its keys counts: that of the specification is the same. */
export function earlierOptions(spec: RunSpec): Given {
  const lora: Record<string, unknown> = {};
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(spec)) {
    const setting = TABLE.find(name);
    if (name !== 'firstToken' && setting?.part !== 'run') continue;
    // There was no such setting yet.
    if (setting?.before !== undefined && setting.before === value) continue;
    if (!OF_ADAPTER.includes(name)) options[name] = value;
    else {
      options['lora'] = lora;
      lora[name] = value;
    }
  }
  return options;
}

function rowsOf({ file, test, more, options, keepsColumns }: EarlierRows): object {
  const { mapping, text, header, delimiter, overlong, skip, dropCopies, mixture } = options;
  return {
    read: {
      ...{ fileName: file, mapping },
      ...(text?.documents !== undefined && { documents: text.documents }),
      ...{ header, delimiter },
      ...(keepsColumns && { keepsColumns }),
    },
    ...{ overlong, validationFraction: options.validation, testFraction: options.test },
    splitSeed: options.seed,
    ...(more.length > 0 && { more }),
    ...(mixture && { mixture }),
    ...(test !== undefined && { test }),
    ...(skip && { skip }),
    ...(dropCopies === true && { dropDuplicates: true }),
    ...(text && { text }),
  };
}
