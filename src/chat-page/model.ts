/** The model of a chat page: loaded as `graft generate` loads it, and asked as `graft chat` asks it. */
import { addedTokens } from '../adapters/tokens/tokens.ts';
import { Adapter } from '../adapters/adapter.ts';
import type { Device } from '../engine/device.ts';
import { answer, promptOfConversation } from '../evaluate/answer.ts';
import { fitTurns } from '../evaluate/fit-turns.ts';
import type { ChatPageSettings } from '../export/chat-page/settings.ts';
import { tokenizerWithTokens } from '../export/grown-folder.ts';
import { readPeft } from '../export/peft.ts';
import { Generator } from '../model/generator.ts';
import { LanguageModel } from '../model/language-model.ts';
import { roomFor } from '../model/virtual-tokens.ts';
import { takesSystemPrompt } from '../text/system-prompt.ts';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { blobSource, type FileSet } from '../weights/bytes.ts';
import { modelFolder } from '../weights/folder.ts';
import type { PageAnswered, AskRequest, LoadedFile } from './protocol.ts';

/** Tokens of a conversation, if the model takes as many: as in the studio's chat. */
const CONTEXT = 4096;

export class ChatModel {
  private constructor(
    private readonly settings: ChatPageSettings,
    private readonly tokenizer: Tokenizer,
    private readonly generator: Generator,
    private readonly adapter: Adapter | undefined,
    /** Tokens of a conversation with its answer at most. */
    readonly context: number,
  ) {}

  /** @throws GraftError `config-…`, `tokenizer-…`, `weights-…`, `adapter-…`, `engine-…` */
  static async open(
    device: Device,
    settings: ChatPageSettings,
    files: readonly LoadedFile[],
    onProgress: (done: number, total: number) => void,
  ): Promise<ChatModel> {
    const folder = await modelFolder(folderOf('model', files));
    const model = await LanguageModel.load(device, folder, {
      baseWeights: settings.baseWeights,
      onProgress,
    });
    const own = folderOf('adapter', files);
    const data = own.list().length > 0 ? await readPeft(own, model.definition) : undefined;
    const adapter = data && (await Adapter.frozen(model, data.modules, data.tensors));
    const added = data && addedTokens(data.modules);
    const tokenizer = added ? await tokenizerWithTokens(added, folder, own) : await loadTokenizer(folder);
    const max = Math.min(CONTEXT, model.definition.shape.maxPositions);
    const generator = new Generator(model, 1, max);
    await generator.prepare(adapter);
    return new ChatModel(settings, tokenizer, generator, adapter, roomFor(max, adapter));
  }

  /** Whether a system prompt reaches the model. */
  get takesSystem(): boolean {
    return takesSystemPrompt(this.tokenizer);
  }

  /** @throws GraftError `prompt-length`, `chat-template-…`, `sampling`, `engine-…` */
  async ask(
    { system, turns, sampling, maxNewTokens, seed }: AskRequest,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Omit<PageAnswered, 'kind'>> {
    const { afterPrompt, defaults } = this.settings;
    const before = system === '' ? [] : [{ role: 'system', content: system }];
    const { ids, dropped } = fitTurns(turns, this.context - maxNewTokens - 1, (kept) =>
      promptOfConversation(this.tokenizer, [...before, ...kept], afterPrompt),
    );
    const started = performance.now();
    const [{ text, newIds, reason }] = await answer(this.generator, this.tokenizer, [ids], {
      ...{ sampling, maxNewTokens, seed, signal },
      stopStrings: defaults.stopStrings,
      ...(this.adapter && { adapter: this.adapter }),
      onText: (_, piece) => onText(piece),
    });
    const seconds = (performance.now() - started) / 1000;
    return { text, tokens: newIds.length, seconds, reason, dropped };
  }
}

function folderOf(folder: LoadedFile['folder'], files: readonly LoadedFile[]): FileSet {
  const own = new Map(files.filter((file) => file.folder === folder).map(({ name, blob }) => [name, blob]));
  return {
    name: folder,
    list: () => [...own.keys()],
    async open(name) {
      const blob = own.get(name);
      return blob && blobSource(name, blob);
    },
  };
}
