/**
 * Keys of PEFT's rank_pattern and alpha_pattern that are regular expressions (peft/utils/other.py, get_pattern_key): a key fits a path that it matches to
 * its end, from the start or after a dot. Each part of an expression maps the positions that can be reached to the next ones. So the time grows with
 * expression and path only: the file of an adapter cannot keep the program busy, as it could with an expression that goes back and tries again.
 */

/** From the positions before a part to those after it. */
type Part = (text: string, from: ReadonlySet<number>) => ReadonlySet<number>;

/** Groups in groups: each repeats the work of those in it. */
const MOST_DEPTH = 3;
const CLASSES: Readonly<Record<string, string>> = { d: '0-9', w: '\\w', s: '\\s' };

/**
 * @param key in the syntax that Python and JavaScript share: classes, groups, alternatives, repetitions, `^` and `$`
 * @returns whether it fits a path; undefined for a key with anything else, such as lookahead, \b or {2}
 */
export function pathPattern(key: string): ((path: string) => boolean) | undefined {
  const parsed = new Parser(key).parse();
  if (!parsed) return undefined;
  return (path) => {
    const starts = new Set([0]);
    for (let at = 0; at < path.length; at++) if (path[at] === '.') starts.add(at + 1);
    return parsed(path, starts).has(path.length);
  };
}

/** Thrown inside, for syntax that is not read. */
class Unread extends Error {}

class Parser {
  #at = 0;
  #depth = 0;

  constructor(private readonly source: string) {}

  parse(): Part | undefined {
    try {
      const part = this.#alternatives();
      return this.#at === this.source.length ? part : undefined;
    } catch (error) {
      if (error instanceof Unread) return undefined;
      throw error;
    }
  }

  #takes(text: string): boolean {
    if (!this.source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.#takes('|')) parts.push(this.#sequence());
    return (text, from) => new Set(parts.flatMap((part) => [...part(text, from)]));
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.source.length && !/[|)]/.test(this.source[this.#at])) parts.push(this.#repeated());
    return (text, from) => parts.reduce((reached, part) => part(text, reached), from);
  }

  #repeated(): Part {
    const part = this.#atom();
    const [whole, sign] = /^([*+?])\??/.exec(this.source.slice(this.#at)) ?? [];
    if (whole === undefined) return part;
    this.#at += whole.length;
    if (sign === '?') return (text, from) => new Set([...from, ...part(text, from)]);
    const all = often(part);
    return sign === '*' ? all : (text, from) => all(text, part(text, from));
  }

  #atom(): Part {
    if (this.#takes('^')) return (_, from) => new Set(from.has(0) ? [0] : []);
    if (this.#takes('$')) return (text, from) => new Set(from.has(text.length) ? [text.length] : []);
    if (this.#takes('(')) {
      if ((this.#takes('?') && !this.#takes(':')) || ++this.#depth > MOST_DEPTH) throw new Unread();
      const part = this.#alternatives();
      this.#depth--;
      if (!this.#takes(')')) throw new Unread();
      return part;
    }
    const [whole] = /^(?:\[\^?[\w.-]+\]|\\[dws]|\\[^a-zA-Z0-9]|[^\\[\](){}*+?])/.exec(
      this.source.slice(this.#at),
    ) ?? [''];
    if (whole === '') throw new Unread();
    this.#at += whole.length;
    const [, escaped] = /^\\(.)$/.exec(whole) ?? [];
    if (escaped !== undefined && !Object.hasOwn(CLASSES, escaped)) return character((one) => one === escaped);
    if (whole === '.') return character(() => true);
    if (whole.length === 1) return character((one) => one === whole);
    const fits = rangeOf(escaped === undefined ? whole : `[${CLASSES[escaped]}]`);
    return character((one) => fits.test(one));
  }
}

/** A class of single characters, which JavaScript's own expression decides. */
function rangeOf(source: string): RegExp {
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    // Such as the range z-a.
    throw new Unread();
  }
}

function character(fits: (one: string) => boolean): Part {
  return (text, from) =>
    new Set([...from].filter((at) => at < text.length && fits(text[at])).map((at) => at + 1));
}

/** A part as often as it fits, or not at all: until no further position is reached. */
function often(part: Part): Part {
  return (text, from) => {
    const all = new Set(from);
    let last: ReadonlySet<number> = from;
    while (last.size > 0) {
      last = new Set([...part(text, last)].filter((at) => !all.has(at)));
      for (const at of last) all.add(at);
    }
    return all;
  };
}
