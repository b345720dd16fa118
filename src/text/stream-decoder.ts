/**
 * Decodes token by token, for generation: the pieces together equal the decoding of all ids at once.
 *
 * A token's text can depend on its neighbours: half a UTF-8 character, the space that sentencepiece puts before the first word, the space that
 * clean-up takes away before a full stop. So a window of ids is decoded again with every token, and only text that can no longer change is returned.
 * The window moves on if that provably makes no difference.
 */

/** Ids after which the window tries to move. Short enough that decoding it again costs nothing next to a model's step. */
const WINDOW_IDS = 48;
/** Ids kept as context when it moves. */
const CONTEXT_IDS = 8;
/** Clean-up (" n't" → "n't") reaches at most four characters back from the end, start at a space. */
const CLEAN_UP_REACH = 4;

export interface StreamDecoder {
  /**
   * One more id. The text that is certain now; often '' inside a character of several tokens.
   *
   * @param next the id after it, if that is known: a run of bytes is certain with its last one then, and not with the token after it
   */
  push(id: number, next?: number): string;
  /** The withheld text. Call once, after the last id. */
  end(): string;
}

interface StreamOptions {
  /** Text → all at once, as {@link StreamDecoder}'s pieces have to add up to. */
  decode(ids: readonly number[]): string;
  /** Whether `decode` cleans up spaces before punctuation. */
  cleansUp: boolean;
  /** Whether an id stands for a byte: a run of them is decoded as one, and each can change what those before it are. */
  isByte(id: number): boolean;
  /** Ids before the stream: context that is not returned again (a prompt that the text continues). */
  context?: readonly number[];
}

/** What later tokens can still change: a character that may be half of one, a space that clean-up may take. */
function certain(text: string, cleansUp: boolean): number {
  let end = text.length;
  if (text.endsWith('\uFFFD')) end--;
  if (cleansUp) {
    const space = text.indexOf(' ', Math.max(0, end - CLEAN_UP_REACH));
    if (space >= 0 && space < end) end = space;
  }
  return end;
}

export function createStreamDecoder({
  decode,
  cleansUp,
  isByte,
  context = [],
}: StreamOptions): StreamDecoder {
  let window: number[] = [...context];
  let text = window.length ? decode(window) : '';
  /** Characters of the window's text that were returned (or belong to the context). */
  let given = text.length;
  /** Whether the window ends with bytes, which wait for the end of their run. */
  let inBytes = false;

  const moveWindow = (): void => {
    // Only if nothing is withheld, or a character could be cut in two.
    if (given !== text.length) return;
    const kept = window.slice(-CONTEXT_IDS);
    const keptText = decode(kept);
    // The first token of a window may lose a leading space: no harm if there is text after it that stays the same.
    if (keptText.trim().length < 2 || keptText.includes('\uFFFD') || !text.endsWith(keptText)) return;
    window = kept;
    text = keptText;
    given = keptText.length;
  };

  return {
    push(id, next) {
      window.push(id);
      const byte = isByte(id);
      inBytes = byte && (next === undefined || isByte(next));
      if (inBytes) return '';
      text = decode(window);
      // Bytes that are no character stay as they are: nothing can complete them any more.
      const end = byte ? text.length : certain(text, cleansUp);
      if (end <= given) return '';
      const piece = text.slice(given, end);
      given = end;
      if (window.length >= WINDOW_IDS) moveWindow();
      return piece;
    },
    end() {
      if (inBytes) text = decode(window);
      const piece = text.slice(given);
      given = text.length;
      return piece;
    },
  };
}
