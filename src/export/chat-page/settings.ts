/** What a chat page holds in addition to its program: written by the export, read by src/chat-page. */
import type { Sampling } from '../../model/sampling.ts';
import type { WeightChoices } from '../../model/weight-types.ts';

/** How answers are made, until a person on the page chooses something else. */
export interface ChatDefaults {
  readonly sampling: Sampling;
  readonly maxNewTokens: number;
  /** Another one for each answer if left out. */
  readonly seed?: number;
  /** Texts that end an answer. */
  readonly stopStrings: readonly string[];
  /** Whether each question is asked without the turns before it. */
  readonly single?: boolean;
}

/** A file of the model or of the adapter. */
export interface PageFile {
  readonly folder: 'model' | 'adapter';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Files next to the page that make it up, in order; none if the page holds the bytes itself. */
  readonly pieces: readonly { readonly name: string; readonly size: number }[];
}

export interface ChatPageSettings {
  readonly name: string;
  /** What the model is made of, in one sentence. */
  readonly about: string;
  /** The model card, as Markdown. */
  readonly card: string;
  readonly system?: string;
  readonly defaults: ChatDefaults;
  /** The text between question and answer, for a model without a chat template. */
  readonly afterPrompt: string;
  /** The types of the base weights in training. */
  readonly baseWeights?: WeightChoices;
  readonly files: readonly PageFile[];
}

/** The places in the program's HTML that an export fills, in their order. */
export const PLACEHOLDERS = {
  /** What the page may connect to and start, in its policy. */
  connect: "connect-src 'none'; worker-src blob:",
  title: '<title>Chat</title>',
  /** Settings and files. */
  data: '<!-- data -->',
} as const;

/** What stands in its place if there are files next to the page. */
export const CONNECTED = "connect-src 'self'; worker-src blob: 'self'";

/** The script that shows a page in several files without a network. */
export const OFFLINE = 'offline.js';

/** Ids and attributes of the elements that hold them. */
export const SETTINGS_ID = 'settings';
export const FILE_ATTRIBUTE = 'data-file';

/** The name of a file in the page. */
export const chatPageKey = ({ folder, name }: Pick<PageFile, 'folder' | 'name'>): string =>
  `${folder}/${name}`;
