/** A web page to chat with the model: one HTML file, or a folder for any static host. */
import { addedTokens } from '../../adapters/tokens/tokens.ts';
import { kindOf } from '../../adapters/registry.ts';
import { GraftError } from '../../errors.ts';
import { checkWeights } from '../../model/base-weights.ts';
import { contentParts, hashOf } from '../../model/content.ts';
import { parametersOf } from '../../model/definition.ts';
import { openModelWeights } from '../../model/folder-layout.ts';
import { greedy } from '../../model/sampling.ts';
import { sameChoices } from '../../model/weight-types.ts';
import { formatBytes, plural } from '../../numbers.ts';
import { takesSystemPrompt } from '../../text/system-prompt.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import { memoryFiles, type FileSet } from '../../weights/bytes.ts';
import { READ_COMPANIONS } from '../../weights/companions.ts';
import { modelFolder, weightFileNames } from '../../weights/folder.ts';
import { GgufFolder } from '../../weights/gguf/folder.ts';
import { chatPageFiles, type SourceFile } from '../chat-page/write.ts';
import type { ChatDefaults } from '../chat-page/settings.ts';
import { fileNameOf } from '../folder-sink.ts';
import { TOKENIZER_FILES } from '../grown-folder.ts';
import { testedSection } from '../model-card.ts';
import { readAfterPrompt, readPeft } from '../peft.ts';
import type { ExportFormat, Parts } from './format.ts';

const CARD = 'README.md';
/** The files of an adapter that a page needs. */
const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors', ...TOKENIZER_FILES];
/** The part of a card that is shown at most. */
const MAX_CARD_BYTES = 2 ** 18;

/** Pieces of each file that its name stands for, in addition to both ends. */
const SAMPLES = 64;
const ID_DIGITS = 12;

/** As `graft generate` answers. */
const USUAL: ChatDefaults = { sampling: greedy, maxNewTokens: 128, stopStrings: [] };

export const chatPage: ExportFormat = {
  name: 'page',
  label: 'Chat page',
  help: 'a web page to chat with the model, for any static host; one HTML file if the weights are small',
  loses: 'Nothing. Base and adapter stay apart.',
  proof: 'In a page it gives the answers of Graft, from a server and from a disk.',
  bare: true,
  takesSystem: true,
  takesChat: true,
  async prepare(parts) {
    const { baseModel, base, model, adapterName, adapter: given, baseWeights, system } = parts;
    if (!parts.chatPage) throw new Error('A chat page was asked for without its program');
    const program = await parts.chatPage();
    const isAdapter = Object.keys(given).length > 0;
    const adapterSet = memoryFiles(given, adapterName);
    const folder = await modelFolder(base);
    // What is made of the metadata of a GGUF file is made on the page again.
    const stored = folder instanceof GgufFolder ? folder.files : folder;
    const tokenizer = await loadTokenizer(folder);
    const adapter = isAdapter ? await readPeft(adapterSet, model) : undefined;
    checkWeights(model, await openModelWeights(folder, model));
    if (system !== undefined && !takesSystemPrompt(tokenizer))
      throw new GraftError(
        'export-format',
        `${baseModel} has no chat template with a place for a system prompt.`,
        'Leave the system prompt out.',
      );
    const about = adapter
      ? `${baseModel} with ${adapterName}, ${kindOf(adapter.config).label} in ${plural(adapter.modules.length, 'layer')}${addedTokens(adapter.modules) ? ' and with new tokens' : ''}.`
      : [
          ...(adapterName === baseModel ? [] : [`Tuned from ${baseModel}.`]),
          `A ${model.modelType} model with ${plural(parametersOf(model), 'parameter')}.`,
        ].join(' ');
    const files = chatPageFiles(
      program,
      {
        ...{ name: adapterName, about, card: await cardOf(parts, folder) },
        defaults: parts.chat ?? USUAL,
        afterPrompt: isAdapter ? await readAfterPrompt(adapterSet) : '',
        ...(system !== undefined && { system }),
        ...(baseWeights && !sameChoices(baseWeights) && { baseWeights }),
      },
      [
        ...(await sourcesOf('model', stored, [...READ_COMPANIONS, ...(await weightFileNames(stored))])),
        ...(await sourcesOf('adapter', adapterSet, ADAPTER_FILES)),
      ],
      (
        await hashOf([...(await contentParts(stored, SAMPLES)), ...(await contentParts(adapterSet, SAMPLES))])
      ).slice(0, ID_DIGITS),
    );
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    return {
      folder: `${fileNameOf(adapterName)}-page`,
      files,
      summary:
        files.length === 1
          ? `one HTML file with everything in it (${formatBytes(bytes)}). Open it in a browser, or put it on any static host.`
          : `a page and its weights in pieces (${formatBytes(bytes)}), for any static host. Opened as a file it cannot read its pieces.`,
    };
  },
};

/** These files of a folder, as far as it has them. */
async function sourcesOf(
  folder: SourceFile['folder'],
  files: FileSet,
  wanted: readonly string[],
): Promise<SourceFile[]> {
  const names = new Set(files.list());
  return Promise.all(
    wanted
      .filter((name) => names.has(name))
      .map(async (name) => ({
        ...{ folder, name, source: (await files.open(name))! },
        isWeights: /\.(?:safetensors|gguf)$/i.test(name),
      })),
  );
}

/** The cards of the adapter and of the model that it belongs to, which says its licence. */
async function cardOf({ adapter }: Parts, folder: FileSet): Promise<string> {
  const source = folder.list().includes(CARD) ? await folder.open(CARD) : undefined;
  const cards = [
    ...(Object.hasOwn(adapter, CARD) ? [adapter[CARD]] : []),
    ...(source ? [await source.read(0, Math.min(source.size, MAX_CARD_BYTES))] : []),
  ];
  const texts = cards.map((card) => new TextDecoder().decode(card).trim());
  return [...texts, testedSection(chatPage).trim()].join('\n\n* * *\n\n');
}
