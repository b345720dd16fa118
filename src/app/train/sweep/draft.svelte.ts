/** The sweep that a person puts together: which settings vary, how far, and within which budget. */
import { isSwept, type SweptSetting } from '../../../settings/swept.ts';
import { PAGE_TABLE, settingOf, TABLE } from '../../../settings/table.ts';
import type { FormSpec, SweepAsk } from '../../../worker/api.ts';
import { ofProject } from '../../state/of-studio.svelte.ts';

export type How = 'grid' | 'random' | 'seeds';

/** A setting that varies, as it is typed. */
export interface Row {
  readonly name: string;
  /** Values with commas between them. */
  readonly list: string;
  /** The ends of a range, for random draws; a list is drawn from if both are empty. */
  readonly from: string;
  readonly to: string;
  readonly isLog: boolean;
}

export const HALVING = 2;
/** A learning rate a third and three times as large as that of the form. */
const AROUND = 3;
const RANGE = 10;
const DIGITS = 2;
/** Kohavi (1995) finds little gain above ten folds, and each costs a run. */
const USUAL_FOLDS = 5;

/** Settings that a run of the form has and a sweep may vary. */
export function sweepable(form: FormSpec): SweptSetting[] {
  const settings = [...PAGE_TABLE, settingOf('epochs')];
  return settings.filter(
    (setting): setting is SweptSetting =>
      isSwept(setting) &&
      setting.name !== 'evalEvery' &&
      TABLE.applies(setting, form) &&
      !(form.start && setting.fixed),
  );
}

const isNumber = ({ type }: SweptSetting): boolean => type === 'integer' || type === 'number';
const short = (value: number): string => String(Number(value.toPrecision(DIGITS)));

/** What a setting is tried with at first: values around that of the form, or all choices. */
export function firstRow(setting: SweptSetting, form: FormSpec): Row {
  const { name, type } = setting;
  const value = (form as unknown as Readonly<Record<string, unknown>>)[name];
  if (type === 'choice' || type === 'switch') {
    const own = String(value ?? setting.default ?? '');
    const choices = type === 'choice' ? setting.choices : ['true', 'false'];
    const others = choices.filter((choice) => choice !== own);
    return {
      ...{ name, from: '', to: '', isLog: false },
      list: [...(choices.includes(own) ? [own] : []), ...others.slice(0, 1)].join(', '),
    };
  }
  const now = typeof value === 'number' && value > 0 ? value : 1;
  const isRate = type === 'number' && now < 1;
  const [below, above] = isRate ? [now / AROUND, now * AROUND] : [Math.max(1, Math.round(now / 2)), now * 2];
  const values = [below, now, above]
    .map((one) => Number(short(one)))
    .filter((one, at, all) => all.indexOf(one) === at);
  return {
    name,
    list: values.join(', '),
    from: short(isRate ? now / RANGE : Math.max(1, Math.round(now / 4))),
    to: short(isRate ? now * RANGE : now * 4),
    isLog: isRate,
  };
}

class Draft {
  how = $state<How>('grid');
  rows = $state.raw<readonly Row[]>([]);
  random = $state(8);
  seeds = $state('');
  isHalving = $state(false);
  budget = $state<'none' | 'steps' | 'minutes'>('none');
  budgetSteps = $state(400);
  budgetMinutes = $state(10);
  /** How many folds a cross-validation gets. */
  folds = $state(USUAL_FOLDS);

  add(setting: SweptSetting, form: FormSpec): void {
    this.rows = [...this.rows, firstRow(setting, form)];
  }

  remove(name: string): void {
    this.rows = this.rows.filter((row) => row.name !== name);
  }

  change(name: string, change: Partial<Row>): void {
    this.rows = this.rows.map((row) => (row.name === name ? { ...row, ...change } : row));
  }

  /** In the words of the command; undefined before anything varies. */
  get ask(): SweepAsk | undefined {
    const { how, rows, isHalving, budget } = this;
    const seeds = this.seeds.trim();
    const common: SweepAsk = {
      ...(seeds !== '' && { seeds }),
      ...(isHalving && how !== 'seeds' && { halving: HALVING }),
      ...(budget === 'steps' && { budgetSteps: this.budgetSteps }),
      ...(budget === 'minutes' && { budgetMinutes: this.budgetMinutes }),
    };
    if (how === 'seeds') return seeds === '' ? undefined : common;
    if (rows.length === 0) return undefined;
    const text = rows.map((row) => `${row.name}=${how === 'random' ? drawn(row) : row.list}`).join(';');
    return how === 'grid' ? { grid: text, ...common } : { range: text, random: this.random, ...common };
  }
}

/** What random values of a setting are drawn from. */
function drawn({ name, list, from, to, isLog }: Row): string {
  const setting = TABLE.find(name);
  const hasEnds = from.trim() !== '' || to.trim() !== '';
  return setting && isSwept(setting) && isNumber(setting) && hasEnds
    ? `${from.trim()}..${to.trim()}${isLog ? ':log' : ''}`
    : list;
}

/** It stays as it is while other stages are open. */
export const sweepDraftOf = ofProject(() => new Draft());
