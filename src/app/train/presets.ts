/** The presets of a run. What they set is in settings.ts, which is loaded with the table of settings. */
export const PRESETS = ['quick', 'balanced', 'thorough'] as const;
export type Preset = (typeof PRESETS)[number];
