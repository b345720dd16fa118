/** What a measurement would be made with now. */
import type { NowOpen } from '../evaluate/origin.ts';
import type { Studio } from './studio.svelte.ts';

export function nowOf({ session, data, projects, adapters, runs, run }: Studio): NowOpen {
  // Rows of a project that was just opened are read when a stage needs them.
  const kept = data.kept ?? projects.current?.data;
  const version = data.version ?? kept?.version;
  const options = data.summary && !data.kept ? data.options : kept?.options;
  return {
    model: session.model ?? session.wanted,
    ...(version !== undefined && options && { rows: { version, options } }),
    ...(adapters.loaded && { adapters: adapters.list }),
    ...(adapters.mixture !== undefined && { mixture: adapters.mixture }),
    ...(runs.loaded && {
      runs: runs.all.map(({ id, step }) => ({
        id,
        step: id === run.record?.id ? (run.last?.step ?? 0) : step,
      })),
    }),
  };
}
