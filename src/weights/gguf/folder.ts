/**
 * A GGUF file as a model folder: the files that the rest of Graft reads, made from its metadata. Files next to it take precedence: a person who puts a
 * config.json there means it.
 */
import type { JsonObject } from '../../json.ts';
import { memorySource, type ByteSource, type FileSet } from '../bytes.ts';
import type { TensorEntry } from '../safetensors.ts';
import { configOf } from './config.ts';
import { readGgufHeader, type GgufHeader } from './header.ts';
import { ggufTensors } from './tensors.ts';
import { generationConfigOf, hasTokenizer, tokenizerConfigOf, tokenizerOf } from './tokenizer.ts';

/** The functions that make each file. */
type Made = Readonly<Record<string, (header: GgufHeader) => JsonObject | Promise<JsonObject>>>;

const CONFIGURATION: Made = { 'config.json': configOf };
const TOKENIZER: Made = {
  'tokenizer.json': tokenizerOf,
  'tokenizer_config.json': tokenizerConfigOf,
  'generation_config.json': generationConfigOf,
};

export class GgufFolder implements FileSet {
  readonly #made: Made;

  private constructor(
    readonly files: FileSet,
    readonly header: GgufHeader,
    /** Under their Hugging Face names. */
    readonly tensors: ReadonlyMap<string, TensorEntry>,
  ) {
    this.#made = hasTokenizer(header) ? { ...CONFIGURATION, ...TOKENIZER } : CONFIGURATION;
  }

  /**
   * @param file a GGUF file of `files`
   * @throws GraftError `gguf`, `gguf-unsupported`, `gguf-metadata`, `bytes-read`
   */
  static async open(files: FileSet, file: ByteSource): Promise<GgufFolder> {
    const header = await readGgufHeader(file);
    return new GgufFolder(files, header, ggufTensors(header));
  }

  get name(): string {
    return this.files.name;
  }

  list(): string[] {
    return [...new Set([...this.files.list(), ...Object.keys(this.#made)])];
  }

  async open(name: string): Promise<ByteSource | undefined> {
    const file = await this.files.open(name);
    if (file || !Object.hasOwn(this.#made, name)) return file;
    const made = await this.#made[name](this.header);
    return memorySource(name, new TextEncoder().encode(JSON.stringify(made)));
  }
}
