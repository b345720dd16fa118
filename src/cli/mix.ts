/** `graft mix`: several LoRA adapters as one, or one with a smaller rank, and what that costs. */
import { basename, join, relative, resolve } from 'node:path';
import { MAJORITY_SIGNS } from '../adapters/mix/combine.ts';
import {
  cutsRank,
  MIX_METHODS,
  mixAdapters,
  type MixMethod,
  type MixPart,
  type Mixed,
} from '../adapters/mix/mix.ts';
import { GraftError } from '../errors.ts';
import { readCheckedPeft } from '../export/checked-peft.ts';
import { readAfterPrompt, writePeft } from '../export/peft.ts';
import type { ModelDefinition } from '../model/definition.ts';
import { readModel } from '../model/family.ts';
import { plural } from '../numbers.ts';
import { Random } from '../random.ts';
import { readJson } from '../weights/bytes.ts';
import { folder, modelOf, writeWhole } from './files.ts';
import { Flags, type FlagSpecs } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { LINEAGE, writeLineage } from './lineage.ts';
import {
  lossesInWords,
  measureMix,
  mixLossFlags,
  openMixRows,
  shortNames,
  type MixLoss,
} from './mix-loss.ts';
import { checkOutput } from './output-path.ts';
import type { Output } from './output.ts';
import { clearFor, weightsLast } from './run-folder.ts';
import { version } from './version.ts';

const PRUNING = MIX_METHODS.filter((name) => /ties|prune|dare/.test(name));
/** The methods that a flag is for. */
const USED_BY = {
  rank: MIX_METHODS.filter(cutsRank),
  density: PRUNING,
  seed: PRUNING.filter((name) => name.startsWith('dare')),
  'majority-sign': PRUNING.filter((name) => name.includes('ties')),
} as const satisfies Readonly<Record<string, readonly MixMethod[]>>;

export const mixFlags = {
  model: { value: 'PATH', help: 'the base: a model folder or a GGUF file' },
  adapter: { value: 'DIR', many: true, help: 'PEFT folders of LoRA adapters; one is enough for svd' },
  weights: {
    value: 'N,N',
    help: 'how much each adapter counts, in their order; a negative number takes its effect away (--weights=-0.5,1)',
  },
  method: {
    value: 'NAME',
    help: 'svd (the default) is the best adapter of a rank for the exact sum. With cat the result is that sum, and its rank the sum of ranks. These need adapters of one rank: linear, ties, magnitude-prune, dare-linear, dare-ties. With -svd after the last four names, the changes themselves are combined, of any ranks, and cut to --rank.',
  },
  rank: {
    value: 'N',
    help: 'for svd and the methods that end in it: the rank of the result; the largest of the adapters if left out',
  },
  density: {
    value: 'X',
    help: 'for ties, magnitude-prune, dare-linear, dare-ties, with -svd or without: the share of numbers to keep',
  },
  'majority-sign': {
    value: 'HOW',
    help: 'for the methods with ties: the sign of the sum (total, the default) or that of most adapters (frequency)',
  },
  seed: { value: 'N', help: 'for the methods with dare: draws the numbers to keep; 0 if left out' },
  out: { value: 'DIR', help: 'where to write the PEFT folder' },
  json: { help: 'the singular values of each layer, and the losses, as JSON on standard output' },
  ...mixLossFlags,
  overwrite: { help: 'replace the result that --out holds' },
  help: { help: 'show this text' },
} as const satisfies FlagSpecs;

/** What the call asks for. */
interface Asked {
  readonly method: MixMethod;
  readonly paths: readonly string[];
  readonly weights: readonly number[];
}

export async function mixCommand(args: readonly string[], output: Output): Promise<void> {
  const flags = new Flags(mixFlags, args);
  const [path, out] = [flags.required('model'), flags.required('out')];
  const { method, paths, weights } = readCall(flags);
  const options = readOptions(flags, method);
  checkOutput('--out', out, [
    { what: 'the base model', path },
    ...paths.map((one) => ({ what: 'the adapter', path: one })),
  ]);
  const base = await modelOf(path);
  const model = await readModel(base);
  await checkTargetTypes(paths);
  const parts: MixPart[] = [];
  for (const [i, name] of paths.entries()) parts.push(await readPart(name, weights[i], model));
  // Rows that cannot be read stop the call before anything is computed.
  const rows = await openMixRows(flags, { base, model }, output);
  const mixed = mixAdapters(parts, { ...options, method, random: new Random(options.seed) });
  const loss = rows && (await measureMix(flags, rows, { parts, mixed }, output));

  const used = {
    ...(isUsed('density', method) && { density: options.density }),
    ...(isUsed('majority-sign', method) && { majoritySign: options.majoritySign }),
    ...(isUsed('seed', method) && { seed: options.seed }),
  };
  const from = (other: string): string => relative(resolve(out), resolve(other));
  const files = {
    ...writePeft(mixed, {
      baseModel: basename(resolve(path)),
      mixed: {
        method,
        parents: shortNames(paths).map((name, at) => ({ name, weight: weights[at] })),
        ...used,
        ...(loss && { loss: lossesInWords(loss) }),
      },
      ...(await commonAfterPrompt(paths, output)),
    }),
    [LINEAGE]: writeLineage({
      mixed: {
        method,
        rank: mixed.config.rank,
        parents: parts.map(({ name, weight }) => ({ path: from(name), weight })),
        ...used,
      },
      model: from(path),
      graft: version(),
    }),
  };
  const release = await lockFolder(out, 'graft mix');
  try {
    await clearFor(out, Object.keys(files), flags.on('overwrite'));
    for (const [name, bytes] of Object.entries(weightsLast(files))) await writeWhole(join(out, name), bytes);
  } finally {
    await release();
  }
  report(mixed, { method, out, loss, json: flags.on('json') }, output);
}

const isUsed = (flag: keyof typeof USED_BY, method: MixMethod): boolean =>
  (USED_BY[flag] as readonly MixMethod[]).includes(method);

/** @throws GraftError `arguments` */
function readCall(flags: Flags<typeof mixFlags>): Asked {
  const paths = flags.texts('adapter');
  if (paths.length === 0) throw wrong('--adapter is missing.', 'Give the folders of the adapters to mix.');
  const method = flags.choice('method', MIX_METHODS) ?? 'svd';
  if (paths.length === 1 && method !== 'svd')
    throw wrong(
      `${method} mixes adapters, and there is only one.`,
      'Give more by --adapter, or choose --method svd with --rank, which makes one smaller.',
    );
  const given = flags.list('weights');
  if (given === undefined && paths.length > 1)
    throw wrong(
      '--weights is missing.',
      `Give ${paths.length} numbers, one for each adapter, as in 0.7,0.3.`,
    );
  const weights = (given ?? ['1']).map(Number);
  const odd = weights.findIndex((weight) => !Number.isFinite(weight));
  if (odd >= 0)
    throw wrong(`--weights has "${given![odd]}", which is not a number.`, 'Write numbers as in 0.7,0.3.');
  if (weights.length !== paths.length)
    throw wrong(
      `--weights has ${plural(weights.length, 'number')}, and there are ${paths.length} adapters.`,
      'Give one number for each adapter, in their order.',
    );
  return { method, paths, weights };
}

interface ReadOptions {
  readonly rank: number | undefined;
  readonly density: number;
  readonly majoritySign: (typeof MAJORITY_SIGNS)[number];
  readonly seed: number;
}

/** @throws GraftError `arguments` */
function readOptions(flags: Flags<typeof mixFlags>, method: MixMethod): ReadOptions {
  const idle = (Object.keys(USED_BY) as (keyof typeof USED_BY)[]).find(
    (name) => flags.isGiven(name) && !isUsed(name, method),
  );
  if (idle)
    throw wrong(
      `--${idle} is for ${USED_BY[idle].join(', ')}, and the method is ${method}.`,
      'Leave it out, or choose another --method.',
    );
  const density = flags.positive('density');
  if (density !== undefined && density > 1)
    throw wrong(
      `--density is ${density}, expected a number above 0 and at most 1.`,
      'It is the share of numbers to keep.',
    );
  if (density === undefined && isUsed('density', method))
    throw wrong(`${method} needs --density.`, 'Give the share of numbers to keep, such as 0.5.');
  return {
    rank: flags.integer('rank', 1),
    density: density ?? 1,
    majoritySign: flags.choice('majority-sign', MAJORITY_SIGNS) ?? 'total',
    seed: flags.integer('seed') ?? 0,
  };
}

async function readPart(name: string, weight: number, model: ModelDefinition): Promise<MixPart> {
  return { name, weight, ...(await readCheckedPeft(folder(name), model)) };
}

/** PEFT does not mix a list of targets with a regular expression. @throws GraftError `mix` */
async function checkTargetTypes(paths: readonly string[]): Promise<void> {
  const isText = async (path: string): Promise<boolean> =>
    typeof (await readJson(folder(path), 'adapter_config.json', 1 << 20))?.['target_modules'] === 'string';
  const texts = await Promise.all(paths.map(isText));
  if (new Set(texts).size < 2) return;
  throw new GraftError(
    'mix',
    `${paths[texts.indexOf(true)]} names its layers by a regular expression and ${paths[texts.indexOf(false)]} by a list, which PEFT does not mix.`,
    'Write target_modules of both adapter_config.json files as lists.',
  );
}

/** The text between prompt and answer, if all adapters have the same. */
async function commonAfterPrompt(
  paths: readonly string[],
  output: Output,
): Promise<{ readonly afterPrompt?: string }> {
  const texts = await Promise.all(paths.map((path) => readAfterPrompt(folder(path))));
  if (new Set(texts).size > 1) {
    output.line(
      'Warning: the adapters were trained with different texts between prompt and answer, so the mixed adapter names none.',
    );
    return {};
  }
  return texts[0] === '' ? {} : { afterPrompt: texts[0] };
}

interface Reported {
  readonly method: MixMethod;
  readonly out: string;
  readonly loss: MixLoss | undefined;
  readonly json: boolean;
}

function report({ config, spectra }: Mixed, { method, out, loss, json }: Reported, output: Output): void {
  if (json) {
    const modules = spectra.map(({ name, singularValues, keptShare, relativeError }) => ({
      name,
      singular_values: singularValues,
      kept_share: keptShare,
      relative_error: relativeError,
    }));
    const written = { out: resolve(out), method, rank: config.rank, modules, ...(loss && { loss }) };
    output.result(`${JSON.stringify(written, null, 2)}\n`);
  }
  const least = spectra.reduce((worst, one) => (one.keptShare < worst.keptShare ? one : worst));
  const kept = cutsRank(method)
    ? ` It keeps at least ${(100 * least.keptShare).toFixed(1)} % of the squared change in each layer (least in ${least.name}, whose relative error is ${least.relativeError.toFixed(3)}).`
    : '';
  output.line(
    `Wrote an adapter of rank ${config.rank} on ${spectra.length} layers to ${resolve(out)}.${kept}`,
  );
  if (loss)
    output.line(
      `Loss on ${plural(loss.rows, 'row')}, ${plural(loss.tokens, 'supervised token')}: ${lossesInWords(loss)} nats per token.`,
    );
}

function wrong(what: string, remedy: string): GraftError {
  return new GraftError('arguments', what, remedy);
}
