/** The curated list for the page. Its code is loaded with the first call. */
import { GraftError } from '../../errors.ts';
import { readModel } from '../../model/family.ts';
import type { FileSet } from '../../weights/bytes.ts';
import { modelFolder } from '../../weights/folder.ts';
import type { ModelRef } from '../api.ts';
import type { CuratedApi } from '../api/curated.ts';
import { listener, outcome } from '../outcome.ts';
import type { Runs } from '../runs/runs.ts';
import type { Session } from '../session.ts';
import { unstopped } from '../stopping.ts';
import { otherTab, someTabTrains } from '../device/training-lock.ts';

/** @param filesOf the folder of a model that is bundled or kept */
export function curatedApi(
  session: Session,
  runs: Runs,
  filesOf: (model: ModelRef) => Promise<FileSet>,
): CuratedApi {
  return {
    curatedModels: () =>
      outcome(async () => {
        const { curatedModels } = await import('./models.ts');
        return { models: curatedModels() };
      }),
    forecastModel: (of, settings) =>
      outcome(async () => {
        const [{ curatedDefinition }, { forecastModel }, { readSpeed }] = await Promise.all([
          import('./models.ts'),
          import('./forecast.ts'),
          import('./speed.ts'),
        ]);
        const definition =
          typeof of === 'string'
            ? curatedDefinition(of)
            : await readModel(await modelFolder(await filesOf(of)));
        if (!definition)
          throw new GraftError(
            'curated-unknown',
            `${String(of)} is not on the list.`,
            'Choose one of the list.',
          );
        const device = await session.device();
        return {
          forecast: await forecastModel(device.lowering, definition, settings, await readSpeed(device)),
        };
      }),
    trainingSpeed: () =>
      outcome(async () => {
        const { readSpeed } = await import('./speed.ts');
        const speed = await readSpeed(await session.device());
        return speed ? { speed } : {};
      }),
    measureTrainingSpeed: (onProgress, signal = unstopped()) =>
      outcome(() =>
        runs.withDevice(async () => {
          const { measureSpeed } = await import('./speed.ts');
          // Two at once would slow each other down.
          if (await someTabTrains()) throw otherTab();
          try {
            const watch = { signal, onProgress: listener(onProgress) };
            return { speed: await measureSpeed(await session.tunedDevice(), watch) };
          } catch (error) {
            if (!signal.aborted) throw error;
            throw new GraftError(
              'worker-aborted',
              'Measuring the speed was stopped.',
              'Start it again when you like.',
            );
          }
        }),
      ),
  };
}
