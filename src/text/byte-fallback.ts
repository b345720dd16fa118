/**
 * Tokens like <0x0A> that stand for single bytes (sentencepiece's byte fallback), decoded as the reference implementation does: a run of
 * them is text if all of it is UTF-8, and a U+FFFD for each byte if it is not. The library decodes what it can of such a run, and
 * drops a byte order mark that the model wrote. (`tokenizers/src/decoders/byte_fallback.rs`)
 */
import { ByteFallbackDecoder, SequenceDecoder, type Decoder } from '@huggingface/tokenizers';

/** The byte that a token stands for. */
export function byteOf(token: string): number | undefined {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? parseInt(token.slice(3, 5), 16) : undefined;
}

function textOfRun(run: readonly number[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run));
  } catch {
    return '\uFFFD'.repeat(run.length); // not UTF-8: that is the answer
  }
}

function decodeChain(tokens: readonly string[]): string[] {
  const out: string[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    if (run.length) out.push(textOfRun(run));
    run = [];
  };
  for (const token of tokens) {
    const byte = byteOf(token);
    if (byte !== undefined) run.push(byte);
    else {
      endRun();
      out.push(token);
    }
  }
  endRun();
  return out;
}

/** Corrects the library's decoder. @returns whether it has such a step */
export function correctByteFallback(decoder: Decoder | null): boolean {
  if (decoder instanceof ByteFallbackDecoder) {
    decoder.decode_chain = decodeChain;
    return true;
  }
  if (!(decoder instanceof SequenceDecoder)) return false;
  return decoder.decoders.map(correctByteFallback).includes(true);
}
