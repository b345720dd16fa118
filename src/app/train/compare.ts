/** What differs between runs, as a table: their results, and the settings that differ. */
import type { FormSpec, RunRecord } from '../../worker/api.ts';
import { flagText } from '../../settings/flag-text.ts';
import type { Setting } from '../../settings/setting.ts';
import { PAGE_TABLE } from '../../settings/table.ts';
import { shortWords } from '../task/base-words.ts';
import { smooth } from '../../smooth.ts';
import { threeDigits, count, duration } from '../../numbers.ts';
import { bytes, rate } from '../ui/format.ts';
import { methodWords } from './method-words.ts';
import { fieldLabel } from './fields.ts';
import { median } from '../../averages.ts';

interface Row {
  readonly name: string;
  /** One for each run, in order. */
  readonly cells: readonly string[];
  readonly kind: 'result' | 'setting';
}

const SETTINGS = PAGE_TABLE.filter(({ name }) => name !== 'name');

export type ComparedRuns = Pick<
  RunRecord,
  'options' | 'baseModel' | 'baseWeights' | 'dataName' | 'steps' | 'evals' | 'takenBytes' | 'forgetting'
> & {
  /** Parameters of its adapter, or of the model; missing if it left nothing. */
  readonly parameters?: number;
};

/** Stands if nothing was measured, with the reason. */
const without = (reason: string): string => `– ${reason}`;

export function compareRuns(runs: readonly ComparedRuns[]): Row[] {
  const row = (kind: Row['kind'], name: string, of: (run: ComparedRuns) => string): Row => ({
    kind,
    name,
    cells: runs.map(of),
  });
  const settings = [
    row('setting', 'Base model', ({ baseModel }) => baseModel),
    row('setting', 'Base weights', ({ baseWeights }) => shortWords(baseWeights) ?? 'as in the file'),
    row('setting', 'Data', ({ dataName }) => dataName),
    ...SETTINGS.map((setting) =>
      row('setting', fieldLabel(setting.name), ({ options }) =>
        setting.name === 'lr' ? rate(options.lr) : written(setting, options[setting.name as keyof FormSpec]),
      ),
    ),
  ].filter(({ cells }) => new Set(cells).size > 1);
  return [
    row('result', 'What learned', ({ options }) => methodWords(options)),
    row('result', 'Parameters kept', ({ parameters }) =>
      parameters === undefined ? without('nothing kept') : count(parameters),
    ),
    row('result', 'Memory at its peak', ({ takenBytes }) =>
      takenBytes === undefined ? without('not measured') : bytes(takenBytes),
    ),
    row('result', 'Time of a step, median', ({ steps }) =>
      steps.length === 0
        ? without('no steps')
        : `${threeDigits(median(steps.map(({ seconds }) => seconds)))} s`,
    ),
    row('result', 'Steps done', ({ steps }) => String(steps.length)),
    row('result', 'Training loss, smoothed', ({ steps }) => {
      const line = smooth(
        steps.map(({ loss: value }) => value),
        steps.at(-1)?.steps ?? 1,
      );
      return line.length > 0 ? threeDigits(line[line.length - 1]) : '–';
    }),
    row('result', 'Best validation', ({ evals }) => {
      const own = evals.filter(({ step }) => step > 0);
      if (own.length === 0) return '–';
      const best = own.reduce((min, entry) => (entry.loss < min.loss ? entry : min));
      return `${threeDigits(best.loss)} at step ${best.step}`;
    }),
    row('result', 'Loss on general text', ({ forgetting }) =>
      forgetting?.after === undefined
        ? without('not measured')
        : `${threeDigits(forgetting.before)} → ${threeDigits(forgetting.after)}`,
    ),
    row('result', 'Trained for', ({ steps }) =>
      duration(steps.reduce((sum, { seconds }) => sum + seconds, 0)),
    ),
    ...settings,
  ];
}

function written(setting: Setting, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value) && setting.type !== 'rewards') return value.join(', ');
  const text = value === undefined ? '' : flagText(setting, value);
  return text === '' ? 'none' : String(text);
}
