/** `--template`: an instruction template of the library, or a file with one of a person's own, on the columns of the data. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { GraftError, messageOf } from '../errors.ts';
import { parseWritten } from '../json.ts';
import { listOfColumns } from '../data/columns.ts';
import { checkMapping, type Mapping } from '../data/mapping.ts';
import { inspectHead } from '../data/sheet.ts';
import { isParquet } from '../data/parquet-magic.ts';
import { SHEET_HEAD_BYTES } from '../data/sheet-types.ts';
import type { TableOptions } from '../data/table.ts';
import { OWN_TEMPLATE_FORM, ownTemplate, readOwnTemplate } from '../data/templates/own.ts';
import { TEMPLATES } from '../data/templates/registry.ts';
import {
  mappingOf,
  missingPlace,
  suggestPlaces,
  type InstructionTemplate,
} from '../data/templates/template.ts';
import { nearestName } from '../nearest-name.ts';
import type { FlagSpec } from './flags.ts';

export const templateFlag = {
  value: 'NAME[:PLACE=COLUMN,…]',
  help: `instruction rows of other columns, in several phrasings drawn by seed=N: ${TEMPLATES.map(({ name }) => name).join(', ')}, or a .json file with phrasings of your own`,
} as const satisfies FlagSpec;

const wrong = (what: string, remedy: string): GraftError => new GraftError('arguments', what, remedy);

/**
 * @param text after the flag: `rate`, `translate:to=German,text=source,seed=7`
 * @param data the file of rows, whose columns are looked at
 * @throws GraftError `arguments` naming what has no column, `file-missing`, `data-column`
 */
export function readTemplate(text: string, data: string, options: TableOptions): Mapping {
  const [, name, rest] = /^([^:]*\.json|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const template = name?.endsWith('.json') ? templateOfFile(name) : libraryTemplate(name ?? text);
  const given = readPlaces(template, rest ?? '');
  const sheet = inspectHead(headOf(data), data, options);
  if (!sheet)
    throw wrong(`${data} has no columns, and --template fills in columns.`, 'Leave --template out.');
  const { seed = '0', ...own } = given;
  const places = { ...suggestPlaces(template, sheet.columns), ...own };
  const missing = missingPlace(template, places);
  if (missing !== undefined)
    throw wrong(
      `--template ${template.name}: which column is “${missing}” is not clear. The columns are ${listOfColumns(sheet.columns)}.`,
      `Say it: --template ${text}${rest === undefined ? ':' : ','}${missing}=COLUMN.`,
    );
  const mapping = mappingOf(template, places, Number(seed));
  checkMapping(mapping, sheet.columns);
  return mapping;
}

function libraryTemplate(name: string): InstructionTemplate {
  const found = TEMPLATES.find((template) => template.name === name);
  if (found) return found;
  const names = TEMPLATES.map((template) => template.name);
  const near = nearestName(name, names);
  throw wrong(
    `There is no template ${JSON.stringify(name)}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    `Choose ${names.join(', ')}, or a .json file of your own.`,
  );
}

/** A template from a file. */
function templateOfFile(path: string): InstructionTemplate {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GraftError('file-missing', `${path} cannot be read: ${messageOf(cause)}.`, 'Check the path.', {
      cause,
    });
  }
  const own = readOwnTemplate(parseWritten(text, path));
  if (!own) throw wrong(`${path} is not a template.`, OWN_TEMPLATE_FORM);
  return ownTemplate(path, own);
}

/** PLACE=COLUMN and WORD=TEXT, with commas between (a comma in a text as \,). */
function readPlaces(template: InstructionTemplate, text: string): Record<string, string> {
  const known = [...template.columns, ...(template.words ?? [])].map(({ name }) => name).concat('seed');
  const items = text === '' ? [] : text.split(/(?<!\\),/);
  return Object.fromEntries(
    items.map((item) => {
      const [, name = item, value] = /^([^=]*)=(.*)$/s.exec(item) ?? [];
      if (value === undefined || !known.includes(name.trim()))
        throw wrong(
          `--template ${template.name} has ${JSON.stringify(item)}.`,
          `Write PLACE=COLUMN; its places are ${known.join(', ')}.`,
        );
      const plain = value.replaceAll('\\,', ',').trim();
      if (name.trim() === 'seed' && !/^\d{1,9}$/.test(plain))
        throw wrong(
          `The seed of --template is ${JSON.stringify(plain)}.`,
          'Write a whole number of up to nine digits.',
        );
      return [name.trim(), plain];
    }),
  );
}

/** What of a file is looked at for its columns, as `headOf` of sheet-types.ts. @throws GraftError `file-missing` */
function headOf(path: string): Uint8Array {
  try {
    const file = openSync(path, 'r');
    try {
      const head = new Uint8Array(SHEET_HEAD_BYTES);
      const read = head.subarray(0, readSync(file, head));
      return isParquet(read) ? new Uint8Array(readFileSync(path)) : read;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new GraftError('file-missing', `${path} cannot be read: ${messageOf(cause)}.`, 'Check the path.', {
      cause,
    });
  }
}
