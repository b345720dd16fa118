/** All export formats. */
import type { ExportFormat } from './format.ts';
import { ggufMerged } from './gguf-merged.ts';
import { gguf } from './gguf.ts';
import { merged } from './merged.ts';
import { mlx } from './mlx.ts';
import { ollama } from './ollama.ts';
import { onnx } from './onnx.ts';
import { chatPage } from './page.ts';
import { peft } from './peft.ts';

export const EXPORT_FORMATS: readonly ExportFormat[] = [
  peft,
  merged,
  gguf,
  ggufMerged,
  ollama,
  onnx,
  mlx,
  chatPage,
];
