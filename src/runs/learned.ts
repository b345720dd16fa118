/** The result of a run, back on the device: its best values are kept, and the last ones are there. */
import type { Trainable } from '../train/step-plans.ts';
import type { Learned } from './store.ts';

/** Writes the values to the device; the optimiser's state stays. @throws Error as `Adapter.write` and `ParameterStore.write` */
export function writeLearned({ adapter, store }: Trainable, { tensors }: Pick<Learned, 'tensors'>): void {
  if (adapter) adapter.write(tensors);
  else for (const [name, values] of tensors) store.write(name, values);
}
