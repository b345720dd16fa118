/**
 * Export formats: folders that are made of an adapter and its base. Each format has a file of its own here and a line in
 * registry.ts, from which `graft export` and the page take it.
 */
import type { ModelDefinition } from '../../model/definition.ts';
import type { WeightChoices } from '../../model/weight-types.ts';
import type { FileSet } from '../../weights/bytes.ts';
import type { ChatDefaults } from '../chat-page/settings.ts';
import type { ChatPageProgram } from '../chat-page/write.ts';
import type { FolderFile } from '../folder-sink.ts';
import type { MergeLoss } from '../gguf/loss.ts';
import type { BasePlace } from '../load-section.ts';
import type { Tested } from '../model-card.ts';
import type { Files } from '../peft.ts';

/** The sources of a folder. */
export interface Parts {
  /** The base's name in the adapter. */
  readonly baseModel: string;
  /** The files of the base as they were opened. */
  readonly base: FileSet;
  readonly model: ModelDefinition;
  readonly adapterName: string;
  /** The files of a PEFT folder. None for a model without an adapter, which only formats that are `bare` get. */
  readonly adapter: Files;
  /** The types of the base weights in training. */
  readonly baseWeights?: WeightChoices;
  /** Where other people find the base, if more than its name is known. */
  readonly place?: BasePlace;
  /** One of the format's `types`; its default if left out. */
  readonly type?: string;
  /** The system prompt that a program should start with, if the format has a place for it. */
  readonly system?: string;
  /** How a program should answer, if the format has a place for it. */
  readonly chat?: ChatDefaults;
  /** Finds the program of a chat page: command and page keep it in different places. */
  readonly chatPage?: () => Promise<ChatPageProgram>;
  /** What merging cost on test rows, for the card. */
  readonly loss?: MergeLoss;
}

/** A folder before it is written: only headers and the adapter were read. */
export interface PreparedExport {
  /** Its name, which every file system takes. */
  readonly folder: string;
  readonly files: readonly FolderFile[];
  /** The content of the files, for the page after “A folder of 3 MiB in 2 files:”. */
  readonly summary: string;
}

/** The type of weights, if a person does not choose one. */
export const USUAL_TYPE = 'f16';

export interface ExportFormat extends Tested {
  /** As `--format` names it. */
  readonly name: string;
  /** As the page names it. */
  readonly label: string;
  /** What it is and for whom, in part of a sentence: in the help of the command, and under the label. */
  readonly help: string;
  /** The number formats that its weights can have, if there is a choice. */
  readonly types?: readonly string[];
  /** Whether a model without an adapter can be exported: a tuned one. */
  readonly bare?: boolean;
  /** Whether it has a place for a system prompt. */
  readonly takesSystem?: boolean;
  /** Whether it has a place for the settings of answers. */
  readonly takesChat?: boolean;
  /** Whether Graft reads the file again, so that the cost of merging and rounding can be measured on rows. */
  readonly measurable?: boolean;
  /** @throws GraftError `adapter-…` if the adapter does not fit the base, `export-format` if the format cannot express it */
  readonly prepare: (parts: Parts) => Promise<PreparedExport>;
}

/** A file of a folder whose bytes are at hand. */
export function wholeFile(name: string, bytes: Uint8Array): FolderFile {
  return {
    name,
    size: bytes.byteLength,
    async *read() {
      yield bytes;
    },
  };
}
