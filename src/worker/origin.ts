/** The origin of a measurement or an answer. */
import { findAdapter } from '../storage/adapters.ts';
import type { AdapterChoice, AdapterOrigin, Origin } from './api.ts';
import type { DataSet } from './data/data.ts';
import type { OpenModel } from './models/model.ts';
import { MIXTURE, type Session } from './session.ts';

/** @param data whose rows are asked, if any are */
export async function originOf(
  session: Session,
  { source: { name, bundled }, fingerprint }: OpenModel,
  choice: AdapterChoice,
  data?: DataSet,
): Promise<Origin> {
  const adapter = await adapterOf(session, choice);
  return {
    time: Date.now(),
    model: { name, bundled, fingerprint },
    ...(data && {
      data: {
        name: data.ref?.name ?? data.name,
        ...(data.ref && { version: data.ref.version }),
        ...(data.options && { options: data.options }),
      },
    }),
    ...(adapter && { adapter }),
  };
}

async function adapterOf(
  { current, mixtureOrigin }: Session,
  choice: AdapterChoice,
): Promise<AdapterOrigin | undefined> {
  if (choice === 'base') return undefined;
  const chosen = choice === 'current' ? current : choice;
  if (!chosen) return undefined;
  if ('live' in chosen) return chosen.origin();
  if (chosen.id === MIXTURE) return mixtureOrigin;
  const found = await findAdapter(chosen.id);
  return found && { name: found.name, id: found.id };
}
