/** Suggestions for misspelt names, and for the names that other tools have. */

/** Flags of other tools (Transformers, TRL, PEFT, Axolotl, LLaMA-Factory, mlx-lm, llama.cpp), and the flags that mean the same here. */
const ELSEWHERE: readonly (readonly [theirs: string, ours: string])[] = [
  ['learning-rate', 'lr'],
  ['batch-size train-batch-size micro-batch-size per-device-train-batch-size', 'batch'],
  ['gradient-accumulation-steps gradient-accumulation grad-accum accumulation-steps', 'accumulate'],
  ['epoch num-epochs num-train-epochs', 'epochs'],
  ['max-steps num-steps train-steps iters iterations', 'steps'],
  ['r lora-r lora-rank', 'rank'],
  ['lora-alpha', 'alpha'],
  ['lora-dropout', 'dropout'],
  ['target-modules lora-target lora-target-modules', 'targets'],
  ['warmup-steps', 'warmup'],
  ['scheduler lr-scheduler lr-scheduler-type', 'schedule'],
  ['optim optimizer', 'optimiser'],
  ['max-grad-norm grad-clip gradient-clipping', 'clip'],
  ['max-seq-length max-seq-len seq-length sequence-length sequence-len cutoff-len block-size', 'max-length'],
  ['gradient-checkpointing grad-checkpoint', 'checkpointing'],
  ['base-model model-name model-path model-id model-name-or-path', 'model'],
  ['output output-dir save-path', 'out'],
  ['overwrite-output-dir', 'overwrite'],
  ['dataset dataset-name train-data train-file', 'data'],
  ['eval-data eval-file test-file', 'test-data'],
  ['val-size val-set-size validation-split validation-fraction', 'val-fraction'],
  ['test-size', 'test-fraction'],
  ['eval-steps steps-per-eval', 'eval-every'],
  ['save-steps', 'save-every'],
  ['early-stopping-patience', 'patience'],
  ['resume-from-checkpoint', 'resume'],
  ['lora lora-path adapter-path adapter-name-or-path adapter-file', 'adapter'],
  ['adapter lora lora-path adapter-path adapter-name-or-path resume-adapter-file', 'init-adapter'],
  ['dtype torch-dtype', 'precision'],
  ['load-in-8bit load-in-4bit quantization quantize', 'base-weights'],
  ['use-rslora', 'rslora'],
  ['use-dora finetuning-type fine-tune-type train-type', 'method'],
  ['max-tokens n-predict num-predict', 'max-new-tokens'],
  ['temp', 'temperature'],
  ['random-seed', 'seed'],
  ['limit max-samples max-eval-samples', 'rows'],
];

/** The flag that another tool has under this name; undefined for a name that none has, or whose flag is not among these. */
export function flagOfOtherTool(typed: string, flags: readonly string[]): string | undefined {
  const name = plain(typed);
  return ELSEWHERE.find(([theirs, ours]) => flags.includes(ours) && theirs.split(' ').includes(name))?.[1];
}

/** The flag that was probably meant: by its meaning in another tool, or by its letters. Both together find `lr` for `lerning-rate`. */
export function nearestFlag(typed: string, flags: readonly string[]): string | undefined {
  const known = flagOfOtherTool(typed, flags);
  if (known !== undefined) return known;
  // Single letters are near to any other.
  const elsewhere = ELSEWHERE.filter(([, ours]) => flags.includes(ours))
    .flatMap(([theirs]) => theirs.split(' '))
    .filter((name) => name.length > 1);
  const near = nearestName(plain(typed), [...flags, ...elsewhere]);
  return near === undefined || flags.includes(near) ? near : flagOfOtherTool(near, flags);
}

const plain = (name: string): string => name.replaceAll('_', '-').toLowerCase();

/**
 * The name that differs least from what was typed, by letters inserted, left out, changed or swapped with their neighbour, or by words that
 * one of them has more at its end (`batch-size` for `batch`); undefined if none is near (more than a third of the letters differ).
 */
export function nearestName(typed: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, distance: typed !== '' && begins(typed, name) ? 0.5 : distance(typed, name) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked.at(0);
  return best && best.distance <= Math.max(1, Math.max(typed.length, best.name.length) / 3)
    ? best.name
    : undefined;
}

function begins(typed: string, name: string): boolean {
  return name.startsWith(typed) || typed.startsWith(`${name}-`);
}

/** Optimal string alignment distance. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let min = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        min = Math.min(min, before[j - 2] + 1);
      row.push(min);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}
