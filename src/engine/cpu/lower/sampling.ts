/** Four commands: the best token by the settings in two stages, then the most likely tokens by the logits alone. */
import likelySource from '../kernels/most_likely.ts?raw';
import samplingSource from '../kernels/sampling.ts?raw';
import { CANDIDATES_AT, MAX_CANDIDATES, RECORD_WORDS, samplingKind } from '../../ops/sampling.ts';
import { checkF32, lowers } from '../command.ts';
import { parseKernels } from '../kernel.ts';

const samplingFile = parseKernels('sampling', samplingSource);
const likelyFile = parseKernels('most_likely', likelySource);

/** As in the kernels. */
const PART = 1024;

export const samplingLowerings = [
  lowers(samplingKind, (out, { logits, settings, draws, seen, ids, picked }, { vocabulary: V }) => {
    checkF32(logits, draws);
    const S = logits.rows;
    const parts = Math.ceil(V / PART);
    const inputs = { z: logits, settings, draws };
    const sizes = { V, pitch: logits.columns, parts, record: RECORD_WORDS };
    const best = out.tensor([S, parts, 2], 'u32', 'best tokens of parts');
    out.add({
      file: samplingFile,
      kernel: 'bestOfPart',
      tensors: { ...inputs, seen, best },
      params: { ...sizes, words: seen.columns },
      units: S * parts,
      grain: 4,
      flops: S * V,
    });
    out.add({
      file: samplingFile,
      kernel: 'pick',
      tensors: { ...inputs, seen, firsts: best, ids, picked },
      params: { ...sizes, words: seen.columns },
      units: S,
      grain: 1,
      flops: 12 * S * V,
    });

    const leaders = out.tensor([S, parts, MAX_CANDIDATES, 2], 'u32', 'most likely tokens of parts');
    const sums = out.tensor([S, parts], 'f32', 'sums of parts');
    out.add({
      file: likelyFile,
      kernel: 'likelyOfPart',
      tensors: { ...inputs, leaders, sums },
      params: { ...sizes, at: CANDIDATES_AT },
      units: S * parts,
      grain: 4,
      flops: S * V,
    });
    out.add({
      file: likelyFile,
      kernel: 'mergeLikely',
      tensors: { ...inputs, partLeaders: leaders, partSums: sums, picked },
      params: { ...sizes, at: CANDIDATES_AT },
      units: S,
      grain: 1,
      flops: S * parts * MAX_CANDIDATES,
    });
  }),
];
