/** A run as it leaves Graft for the tools that people scale with: its settings, rows, order, adapter and moments, as plain data. */
import { GraftError } from '../../errors.ts';
import type { Files } from '../../export/peft.ts';
import type { FolderFile } from '../../export/folder-sink.ts';
import { itemOf, type List } from '../../lists.ts';
import type { LabelledTokens } from '../../model/batch.ts';
import type { ExampleContent } from '../../text/trainable.ts';
import type { RunSpec } from '../../settings/spec.ts';
import type { NamedArrays, TrainerState } from '../../train/state.ts';
import { concatBytes, writeSafetensors } from '../../weights/safetensors.ts';

export interface GraduatedRun {
  /** The run's settings, those of its adapter among them. */
  readonly spec: RunSpec;
  /** As of its last step. */
  readonly state: TrainerState;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Name or path of the base model. */
  readonly baseModel: string;
  /** The adapter with the values of the last step, as a PEFT folder; missing if the run trains weights of the model. */
  readonly adapter?: Files;
  /** The adapter that the run started from, if it is the reference policy. */
  readonly reference?: NamedArrays | undefined;
  /** Shapes of the trained tensors: by PEFT's names for an adapter, by those of the base's folder for weights of the model. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly rows: { readonly [part in RowPart]: List<LabelledTokens> };
  /** The example that a row was made from, if there is one. */
  readonly exampleOf: (row: LabelledTokens) => ExampleContent | undefined;
  /** The text of tokens; missing without a tokenizer. */
  readonly textOf?: ((ids: readonly number[]) => string) | undefined;
  /** Places of a step's rows among the training rows. @param step counts from 0 */
  readonly rowsOf: (step: number) => readonly number[];
  /** The version of Graft. */
  readonly version: string;
}

type Written = Parameters<typeof writeSafetensors>[0][number];

export const ROW_PARTS = ['train', 'validation', 'test'] as const;
export type RowPart = (typeof ROW_PARTS)[number];

/** A file, written as it is made. */
export type GraduateFile = Pick<FolderFile, 'name' | 'read'>;

/** Another program's trainer. */
export interface GraduateFormat {
  /** As `--format` names it. */
  readonly name: string;
  /** As people write it. */
  readonly label: string;
  /** For the help, in part of a sentence. */
  readonly help: string;
  /** @throws GraftError `graduate` naming what it has no counterpart of, and what to do */
  readonly check: (spec: RunSpec) => void;
  readonly files: (run: GraduatedRun) => readonly GraduateFile[];
}

/** A row that several sequences make is divided; others are one. */
export function sequences(row: LabelledTokens): { readonly ids: number[]; readonly labels: number[] }[] {
  const [ids, labels] = [Array.from(row.ids), Array.from(row.labels)];
  const begins = [0, ...Array.from(row.starts ?? [])];
  return begins.map((from, at) => ({
    ids: ids.slice(from, begins.at(at + 1)),
    labels: labels.slice(from, begins.at(at + 1)),
  }));
}

/** A file with a line of JSON for each item, written as it is read. */
export function jsonLines<Item>(
  name: string,
  items: List<Item>,
  toJson: (item: Item, at: number) => unknown,
): GraduateFile {
  const line = (at: number): Uint8Array =>
    new TextEncoder().encode(`${JSON.stringify(toJson(itemOf(items, at), at))}\n`);
  return {
    name,
    async *read() {
      for (let at = 0; at < items.length; at++) yield line(at);
    },
  };
}

/** A page of paragraphs. */
export const readmePage = (...paragraphs: readonly string[]): string => `${paragraphs.join('\n\n')}\n`;

/** Commands of a shell, in a page. */
export const shell = (...lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n');

/** A file of a text, in UTF-8. */
export function textFile(name: string, text: string): GraduateFile {
  return bytesFile(name, new TextEncoder().encode(text));
}

/** A file of bytes that are in memory. */
export function bytesFile(name: string, bytes: Uint8Array): GraduateFile {
  return {
    name,
    async *read() {
      yield bytes;
    },
  };
}

/** The files of the adapter; its card is left to the README of the folder. */
export function adapterFiles({ adapter = {} }: GraduatedRun): GraduateFile[] {
  return Object.entries(adapter)
    .filter(([name]) => name !== 'README.md')
    .map(([name, bytes]) => bytesFile(name, bytes));
}

/**
 * AdamW's moments by the names that torch has for them, as f32 safetensors: `exp_avg/NAME` and `exp_avg_sq/NAME`.
 *
 * @throws GraftError `state-format` for moments of another adapter
 */
export function momentsFile(name: string, { state, shapes }: GraduatedRun): GraduateFile {
  const planes = [
    ['first', 'exp_avg/'],
    ['second', 'exp_avg_sq/'],
  ] as const;
  const tensors = planes.flatMap(([plane, before]) => tensorsOf(state.optimiser.get(plane), shapes, before));
  return bytesFile(name, concatBytes(writeSafetensors(tensors, { format: 'pt' })));
}

/** Trained tensors by their names, as f32 safetensors. @throws GraftError `state-format` for tensors of another adapter */
export function tensorsFile(name: string, arrays: NamedArrays, shapes: GraduatedRun['shapes']): GraduateFile {
  return bytesFile(name, concatBytes(writeSafetensors(tensorsOf(arrays, shapes), { format: 'pt' })));
}

/** @throws GraftError `state-format` for arrays of another adapter */
function tensorsOf(arrays: NamedArrays | undefined, shapes: GraduatedRun['shapes'], before = ''): Written[] {
  return [...(arrays ?? [])].map(([key, data]) => {
    const shape = shapes.get(key);
    if (!shape)
      throw new GraftError(
        'state-format',
        `The saved run has ${key}, and its adapter has no such tensor.`,
        'Start the run again.',
      );
    return { name: `${before}${key}`, dtype: 'F32', shape, data };
  });
}
