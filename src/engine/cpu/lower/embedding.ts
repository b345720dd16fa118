import source from '../kernels/embedding.ts?raw';
import { embeddingBackward, embeddingKind } from '../../ops/embedding.ts';
import { quantisedFormats, QuantisedTensor } from '../../quantised.ts';
import { shardsOf } from '../../shards.ts';
import { checkF32, lowers, storedAs, storedRows } from '../command.ts';
import { parseKernels } from '../kernel.ts';
import { rowsAtOnce } from './shape.ts';

const file = parseKernels('embedding', source);

export const embeddingLowerings = [
  lowers(embeddingKind, (out, { ids, w: whole, x }, { scale }) => {
    checkF32(x);
    const C = whole.columns;
    for (const { firstRow, tensor: w } of shardsOf(whole)) {
      const blocks = w instanceof QuantisedTensor;
      out.add({
        file,
        kernel: 'embedding',
        tensors: { ids, w, x },
        params: {
          C,
          V: w.rows,
          rowsW: storedRows(w),
          firstRow,
          typeW: blocks ? 0 : storedAs(w),
          format: blocks ? quantisedFormats[w.format].code : -1,
          scale,
        },
        units: ids.size,
        grain: rowsAtOnce(C),
        flops: x.size,
      });
    }
  }),
  lowers(embeddingBackward, (out, { ids, chain, dx, dw: whole }, { scale }) => {
    checkF32(dx, whole);
    const C = whole.columns;
    for (const { firstRow, tensor: dw } of shardsOf(whole)) {
      out.add({
        file,
        kernel: 'embeddingBackward',
        tensors: { ids, chain, dx, dw },
        params: { C, V: dw.rows, rowsW: dw.rows, firstRow, typeW: 0, format: -1, scale },
        units: ids.size,
        grain: rowsAtOnce(C),
        flops: dx.size,
      });
    }
  }),
];
