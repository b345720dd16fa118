import type { AdapterInfo } from '../../../worker/api.ts';
import type { Session } from '../../state/session.svelte.ts';
import { isSameModel } from '../../ui/model-names.ts';

/** Whether an adapter can be mixed on the open model: low-rank matrices without new tokens. */
export function canBeMixed(
  { kind = 'lora', addTokens, baseModel }: AdapterInfo,
  { model }: Session,
): boolean {
  return (
    kind === 'lora' && addTokens === undefined && model !== undefined && isSameModel(model.name, baseModel)
  );
}
