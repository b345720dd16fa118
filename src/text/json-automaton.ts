/**
 * Reads a JSON object (RFC 8259) byte by byte, and knows after each byte whether the text can still become one. Strings are UTF-8 (RFC 3629: nothing overlong,
 * no surrogates, nothing beyond U+10FFFF). A run of white space between tokens is bounded, so that a model cannot write spaces for ever.
 */

/** White space in a row, of which deep indentation needs most. */
export const MAX_SPACES = 32;

type Place =
  | 'start'
  | 'first key'
  | 'key'
  | 'colon'
  | 'first value'
  | 'value'
  | 'after value'
  | 'end'
  | 'string'
  | 'escape'
  | 'rest of escape'
  | 'rest of character'
  | 'rest of literal'
  | NumberPlace;

type NumberPlace =
  | 'minus'
  | 'zero'
  | 'integer'
  | 'point'
  | 'fraction'
  | 'exponent'
  | 'sign of exponent'
  | 'digits of exponent';

/** After a text that can become a JSON object. A state is never changed. */
export interface JsonState {
  readonly at: Place;
  /** The open objects and lists, outermost first: '{' and '['. */
  readonly stack: string;
  /** Whether the present string is a key. */
  readonly isKey: boolean;
  /** What has to follow at the places that start with 'rest': letters of a literal, an 'h' for each hexadecimal digit, or names of {@link CLASSES}. */
  readonly rest: string;
  /** White space in a row. */
  readonly spaces: number;
}

export const JSON_START: JsonState = { at: 'start', stack: '', isKey: false, rest: '', spaces: 0 };

/** In a string, whichever it is. */
export const JSON_IN_STRING: JsonState = { ...JSON_START, at: 'string' };

/** Whether a text is a whole JSON object. */
export const isComplete = ({ at }: JsonState): boolean => at === 'end';

/** Whether a text ends inside a character. */
export const isInCharacter = ({ at }: JsonState): boolean => at === 'rest of character';

/** Equal for states that the same texts can follow. */
export function signatureOf({ at, stack, isKey, rest, spaces }: JsonState): string {
  return `${at}|${stack}|${isKey ? 'key' : ''}|${rest}|${spaces}`;
}

const code = (character: string): number => character.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA, COLON, MINUS, POINT] = [...'"\\,:-.'].map(code);
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [...'{}[]'].map(code);
const [ZERO, NINE, LETTER_U] = [...'09u'].map(code);
const SIMPLE_ESCAPES = new Set([...'"\\/bfnrt'].map(code));
const SPACES = new Set([...' \t\n\r'].map(code));
const EXPONENT = new Set([...'eE'].map(code));
const SIGNS = new Set([...'+-'].map(code));
const LITERALS = new Map(['true', 'false', 'null'].map((word) => [code(word), word.slice(1)]));

/** Bytes inside a character, from the first to the last. The second byte has limits of its own after four first bytes. */
const CLASSES: Readonly<Record<string, readonly [number, number]>> = {
  any: [0x80, 0xbf],
  notOverlong3: [0xa0, 0xbf],
  notSurrogate: [0x80, 0x9f],
  notOverlong4: [0x90, 0xbf],
  notBeyond: [0x80, 0x8f],
};

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE;
const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 32) - 97) >>> 0 < 6;

/** The classes of the bytes that follow the first byte of a character, separated by spaces; undefined if no character starts so. */
function restOfCharacter(first: number): string | undefined {
  if (first >= 0xc2 && first <= 0xdf) return 'any';
  if (first === 0xe0) return 'notOverlong3 any';
  if (first === 0xed) return 'notSurrogate any';
  if (first >= 0xe1 && first <= 0xef) return 'any any';
  if (first === 0xf0) return 'notOverlong4 any any';
  if (first >= 0xf1 && first <= 0xf3) return 'any any any';
  return first === 0xf4 ? 'notBeyond any any' : undefined;
}

/** The state after another byte; undefined if no JSON object starts so. */
export function stepJson(state: JsonState, byte: number): JsonState | undefined {
  switch (state.at) {
    case 'string':
      return inString(state, byte);
    case 'escape':
      if (byte === LETTER_U) return { ...state, at: 'rest of escape', rest: 'hhhh' };
      return SIMPLE_ESCAPES.has(byte) ? { ...state, at: 'string' } : undefined;
    case 'rest of escape':
      return isHex(byte) ? follow(state, state.rest.slice(1), 'string') : undefined;
    case 'rest of literal':
      return byte === code(state.rest) ? follow(state, state.rest.slice(1), 'after value') : undefined;
    case 'rest of character': {
      const [next, ...others] = state.rest.split(' ');
      const [min, max] = CLASSES[next];
      return byte >= min && byte <= max ? follow(state, others.join(' '), 'string') : undefined;
    }
    case 'start':
    case 'first key':
    case 'key':
    case 'colon':
    case 'first value':
    case 'value':
    case 'after value':
    case 'end':
      return betweenTokens(state, byte);
    default:
      return inNumber(state, state.at, byte);
  }
}

const follow = (state: JsonState, rest: string, then: Place): JsonState => ({
  ...state,
  rest,
  at: rest === '' ? then : state.at,
});

/** The same containers, at the start of a place. */
const at = ({ stack }: JsonState, place: Place): JsonState => ({ ...JSON_START, stack, at: place });

function inString(state: JsonState, byte: number): JsonState | undefined {
  if (byte === QUOTE) return at(state, state.isKey ? 'colon' : 'after value');
  if (byte === BACKSLASH) return { ...state, at: 'escape' };
  // Control characters have to be escaped.
  if (byte < 0x80) return byte >= 0x20 ? state : undefined;
  const rest = restOfCharacter(byte);
  return rest === undefined ? undefined : { ...state, at: 'rest of character', rest };
}

function betweenTokens(state: JsonState, byte: number): JsonState | undefined {
  if (SPACES.has(byte)) return state.spaces < MAX_SPACES ? { ...state, spaces: state.spaces + 1 } : undefined;
  const { stack } = state;
  switch (state.at) {
    case 'start':
      return byte === OPEN ? beginValue(state, byte) : undefined;
    case 'first key':
    case 'key':
      if (byte === CLOSE && state.at === 'first key') return closed(state);
      return byte === QUOTE ? { ...at(state, 'string'), isKey: true } : undefined;
    case 'colon':
      return byte === COLON ? at(state, 'value') : undefined;
    case 'first value':
      return byte === CLOSE_LIST ? closed(state) : beginValue(state, byte);
    case 'value':
      return beginValue(state, byte);
    case 'after value': {
      const inObject = stack.endsWith('{');
      if (byte === COMMA) return at(state, inObject ? 'key' : 'value');
      return byte === (inObject ? CLOSE : CLOSE_LIST) ? closed(state) : undefined;
    }
    default:
      return undefined;
  }
}

function closed({ stack }: JsonState): JsonState {
  const outer = stack.slice(0, -1);
  return { ...JSON_START, stack: outer, at: outer === '' ? 'end' : 'after value' };
}

function beginValue(state: JsonState, byte: number): JsonState | undefined {
  if (byte === QUOTE) return at(state, 'string');
  if (byte === OPEN) return { ...at(state, 'first key'), stack: `${state.stack}{` };
  if (byte === OPEN_LIST) return { ...at(state, 'first value'), stack: `${state.stack}[` };
  if (byte === MINUS) return at(state, 'minus');
  if (isDigit(byte)) return at(state, byte === ZERO ? 'zero' : 'integer');
  const rest = LITERALS.get(byte);
  return rest === undefined ? undefined : { ...at(state, 'rest of literal'), rest };
}

function inNumber(state: JsonState, place: NumberPlace, byte: number): JsonState | undefined {
  const digit = isDigit(byte);
  /** The number may be over: what follows is between tokens. */
  const ended = (): JsonState | undefined => betweenTokens(at(state, 'after value'), byte);
  const afterInteger = (): JsonState | undefined => {
    if (byte === POINT) return at(state, 'point');
    return EXPONENT.has(byte) ? at(state, 'exponent') : ended();
  };
  switch (place) {
    case 'minus':
      return digit ? at(state, byte === ZERO ? 'zero' : 'integer') : undefined;
    case 'zero':
      return afterInteger();
    case 'integer':
      return digit ? state : afterInteger();
    case 'point':
      return digit ? at(state, 'fraction') : undefined;
    case 'fraction':
      if (digit) return state;
      return EXPONENT.has(byte) ? at(state, 'exponent') : ended();
    case 'exponent':
      if (SIGNS.has(byte)) return at(state, 'sign of exponent');
      return digit ? at(state, 'digits of exponent') : undefined;
    case 'sign of exponent':
      return digit ? at(state, 'digits of exponent') : undefined;
    case 'digits of exponent':
      return digit ? state : ended();
  }
}
