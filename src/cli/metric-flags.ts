/** `--metrics` and `--metric`: names of scorers, JSON, and files of JSON or JavaScript, separated by commas or each after the flag. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { GraftError } from '../errors.ts';
import { parseWritten } from '../json.ts';
import { nearestName } from '../nearest-name.ts';
import { readChoices, withSettings } from '../scorers/chosen.ts';
import { isNamed, NAMED_SCORERS, scorerNamed } from '../scorers/lists.ts';
import { Sandbox } from '../scorers/sandbox/sandbox.ts';
import type { Scorer } from '../scorers/scorer.ts';
import type { Flags, FlagSpecs } from './flags.ts';
import { startSandbox } from './sandbox.ts';
import { isJson, isScorerFile, readScorerFile } from './scorer-texts.ts';

/**
 * The parts of a value. JSON ends with its closing bracket, so it may have commas; anything else ends before the next comma.
 *
 * @throws GraftError `arguments` for an empty part, and for text right after JSON
 */
export function partsOf(text: string, flag: string): string[] {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const end = isJson(rest) ? endOfJson(rest) : rest.search(/,|$/);
    const part = rest.slice(0, end).trim();
    if (part === '') throw new GraftError('arguments', `--${flag} has an empty item.`, 'Leave it out.');
    parts.push(part);
    const after = rest.slice(end).trimStart();
    if (after === '') return parts;
    if (!after.startsWith(','))
      throw new GraftError(
        'arguments',
        `--${flag} has ${JSON.stringify(after)} right after JSON.`,
        'Separate metrics by commas.',
      );
    rest = after.slice(1);
  }
}

/** The place after the bracket that closes the first one; the end of the text if none does. */
function endOfJson(text: string): number {
  let depth = 0;
  for (const token of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if ('[{'.includes(token[0])) depth++;
    else if (']}'.includes(token[0]) && --depth === 0) return token.index + 1;
  }
  return text.length;
}

/**
 * Replaces file names by their content and opens what has settings, so that a fault is reported before a model is loaded.
 *
 * @throws GraftError `arguments`, `file-missing`, `json-…`, `metric`, `reward-code`
 */
export async function readMetrics<Specs extends FlagSpecs>(
  flags: Flags<Specs>,
  flag: keyof Specs & string,
): Promise<void> {
  const read: string[] = [];
  for (const text of flags.texts(flag))
    for (const part of isScorerFile(text) && existsSync(text) ? [text] : partsOf(text, flag)) {
      if (!isScorerFile(part)) {
        read.push(part);
        continue;
      }
      const values = await readScorerFile(part, 'metric');
      readChoices(values, basename(part));
      read.push(JSON.stringify(values));
    }
  if (read.length > 0) flags.replace(flag, read);
  const sandbox = new Sandbox(startSandbox);
  try {
    for (const scorer of metricsOfTexts(flags.texts(flag), flag))
      if (scorer.of === 'attempts' && scorer.spec)
        await scorer.open({}, `--${flag}, ${scorer.name}`, sandbox);
  } finally {
    sandbox.close();
  }
}

/** @throws GraftError `arguments` for an unknown name, and for a scorer whose settings have to be given; `metric` for wrong settings */
export function metricsOfTexts(texts: readonly string[], flag: string): readonly Scorer[] {
  const given = texts.flatMap((text): unknown[] =>
    partsOf(text, flag).flatMap((part): unknown[] => {
      if (!isJson(part)) return [nameIn(part, flag)];
      const value = parseWritten(part, `--${flag}`);
      return Array.isArray(value) ? value : [value];
    }),
  );
  return readChoices(given, `--${flag}`).map((choice) =>
    typeof choice === 'string' ? scorerOf(choice, flag) : withSettings(choice),
  );
}

/** The present name of a scorer that was named. */
const nameIn = (name: string, flag: string): string => scorerOf(name, flag).name;

function scorerOf(name: string, flag: string): Scorer {
  const scorer = NAMED_SCORERS.find((one) => isNamed(one, name));
  if (scorer) return scorer;
  const known = scorerNamed(name);
  if (known)
    throw new GraftError(
      'arguments',
      `--${flag} has ${name}, which needs ${known.settings[0].name}.`,
      `Write it as JSON: {"name": "${name}", "${known.settings[0].name}": …}.`,
    );
  const names = NAMED_SCORERS.map((one) => one.name);
  const near = nearestName(name, names);
  throw new GraftError(
    'arguments',
    `Unknown metric ${JSON.stringify(name)} in --${flag}.${near ? ` Did you mean ${near}?` : ''}`,
    `Choose from ${names.join(', ')}, or give JSON or a file (.json, .js) of a metric with settings.`,
  );
}
