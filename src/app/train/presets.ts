/** The ways of setting a run that one press chooses. Apart from what they set, which is loaded with the table of settings. */
export const PRESETS = ['quick', 'balanced', 'thorough'] as const;
export type Preset = (typeof PRESETS)[number];
