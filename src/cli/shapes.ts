import { tensorNames, type LoraModule } from '../model/lora.ts';

/** Shapes of an adapter's tensors by PEFT name. */
export function adapterShapes(modules: readonly LoraModule[]): Map<string, readonly number[]> {
  return new Map(
    modules.flatMap(({ path, rank, inputs, outputs }) => {
      const names = tensorNames(path);
      return [
        [names.a, [rank, inputs]],
        [names.b, [outputs, rank]],
      ] as const;
    }),
  );
}
