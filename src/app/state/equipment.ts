/** The parts that every stage needs and the first screen does not: they are loaded after it. */
import { AdapterInUse } from '../use/adapter-in-use.ts';
import { RowOpener } from '../data/row-opener.svelte.ts';
import { SettingsState } from '../train/settings.svelte.ts';
import type { Studio } from './studio.svelte.ts';

export class Equipment {
  readonly settings: SettingsState;
  readonly rows: RowOpener;
  readonly inUse: AdapterInUse;

  constructor(studio: Studio) {
    this.settings = new SettingsState(studio.session, studio.data);
    this.rows = new RowOpener(studio);
    this.inUse = new AdapterInUse(studio);
  }
}
