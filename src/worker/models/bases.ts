/** Base models of adapters, by the names in the adapters: where they are in this browser, and where other people find them. */
import { GraftError } from '../../errors.ts';
import { placeOfName, type BasePlace } from '../../export/load-section.ts';
import { HUB, parsePlace } from '../../weights/hub.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { StoredModel } from '../../storage/model-writer.ts';
import type { ModelRef } from '../api.ts';
import { BUNDLED, BUNDLED_LICENCE } from './model.ts';

/** Whether two names mean one model: `HuggingFaceTB/SmolLM2`, `/home/me/SmolLM2` and `smollm2` do. */
export function isSameBase(a: string, b: string): boolean {
  const plain = (name: string): string => name.split(/[\\/]/).filter(Boolean).at(-1)?.toLowerCase() ?? '';
  return plain(a) === plain(b);
}

/** An adapter that does not fit because it was made for another model is refused with the names of both, not of its tensors. */
export function madeForOther(
  error: unknown,
  { name, baseModel }: { readonly name: string; readonly baseModel: string },
  open: string,
): unknown {
  const fits = !(error instanceof GraftError && error.code === 'adapter-fit');
  if (fits || isSameBase(baseModel, open)) return error;
  return new GraftError(
    error.code,
    `“${name}” is an adapter of ${baseModel}, and ${open} is open.`,
    'Open the model that it was trained on, or choose another adapter.',
  );
}

export class Bases {
  /**
   * @param bundled the files of the bundled model
   * @param kept models that this browser keeps
   * @param open the files of one of them
   */
  constructor(
    readonly bundled: () => Promise<FileSet>,
    private readonly kept: () => Promise<readonly StoredModel[]>,
    private readonly open: (name: string) => Promise<FileSet>,
  ) {}

  /** The files of the base that an adapter names. @throws GraftError `worker-other-base` if this browser does not keep it */
  async filesOf(baseModel: string): Promise<FileSet> {
    const found = await this.find(baseModel);
    if (!found)
      throw new GraftError(
        'worker-other-base',
        `The adapter adds tokens, and its tokenizer is made from that of “${baseModel}”, which this browser does not keep.`,
        'Open that model, then export again.',
      );
    return modelFolder(found.bundled ? await this.bundled() : await this.open(found.name));
  }

  /** The model of this browser that an adapter names as its base. */
  async find(baseModel: string): Promise<ModelRef | undefined> {
    const kept = await this.kept();
    const exact = kept.find(({ name }) => name === baseModel);
    if (!exact && isSameBase(baseModel, BUNDLED)) return { name: BUNDLED, bundled: true };
    const model = exact ?? kept.find(({ name }) => isSameBase(name, baseModel));
    return model && { name: model.name, bundled: false };
  }

  /** The licence of the base that an adapter names, as it was stated when the base came; undefined if this browser does not keep it. */
  async licenceOf(baseModel: string): Promise<string | undefined> {
    const found = await this.find(baseModel);
    if (found?.bundled) return BUNDLED_LICENCE;
    return (await this.kept()).find(({ name }) => name === found?.name)?.licence;
  }

  notOpen(baseModel: string): GraftError {
    return new GraftError(
      'worker-other-base',
      `This format needs the base model “${baseModel}”, and another model is open.`,
      'Open that model, then export again.',
    );
  }

  /** Where the base of an exported adapter is found. @param beside whether the zip contains the bundled model */
  async placeOf(baseModel: string, beside: boolean): Promise<BasePlace> {
    if (baseModel === BUNDLED && beside) return { kind: 'beside', folder: BUNDLED };
    const model = (await this.kept()).find(({ name }) => name === baseModel);
    return (model && placeOfModel(model)) ?? placeOfName(baseModel);
  }
}

/** Everybody can fetch a model from a hub; another one has only its files. */
function placeOfModel({ name, source, files }: StoredModel): BasePlace | undefined {
  const gguf = files.map((file) => file.name).find((file) => /\.gguf$/i.test(file));
  const place = source === undefined ? undefined : parsePlace(source);
  if (place?.kind === 'repo') {
    return {
      kind: 'hub',
      id: place.repo,
      revision: place.revision,
      ...(place.hub !== HUB && { hub: place.hub }),
      ...(place.file !== undefined && { gguf: place.file }),
    };
  }
  if (gguf === undefined) return undefined;
  const local = placeOfName(name);
  return { kind: 'local', folder: local.kind === 'local' ? local.folder : 'base', gguf };
}
