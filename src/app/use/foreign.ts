/** Adapters that were made for another model than the open one. */
import type { AdapterInfo, ModelRef } from '../../worker/api.ts';
import type { AdapterKey } from './adapters.svelte.ts';
import { BUNDLED_MODEL } from '../state/session.svelte.ts';
import type { Studio } from '../state/studio.svelte.ts';
import { isSameModel } from '../ui/model-names.ts';

interface Foreign {
  readonly adapter: AdapterInfo;
  /** Its own model, if that is here: it is opened first. Else the open one may be the same under another name. */
  readonly model?: ModelRef;
}

/** Those of the chosen adapters that were made for another model than the project's. */
export function foreignOf(
  { adapters, inUse, models }: Studio,
  keys: readonly AdapterKey[],
): readonly Foreign[] {
  return adapters.list
    .filter((adapter) => keys.includes(adapter.id) && !inUse.suits(adapter))
    .map((adapter) => {
      const kept = models.list.find(({ name }) => isSameModel(name, adapter.baseModel));
      if (kept) return { adapter, model: { name: kept.name, bundled: false } };
      return { adapter, ...(isSameModel(BUNDLED_MODEL.name, adapter.baseModel) && { model: BUNDLED_MODEL }) };
    });
}

/** Whether a model must be opened before these are asked. */
export const needsModel = (studio: Studio, keys: readonly AdapterKey[]): boolean =>
  foreignOf(studio, keys).some(({ model }) => model !== undefined);
