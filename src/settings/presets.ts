/** The presets of a run. What they set is in defaults.ts, which needs the table of settings. */
export const PRESETS = ['quick', 'balanced', 'thorough'] as const;
export type Preset = (typeof PRESETS)[number];
