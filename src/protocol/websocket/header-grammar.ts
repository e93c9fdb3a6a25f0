/** Owns the grammar of the header fields of the opening handshake: hand-written, linear in the length, and total. */

/** One extension that is offered or agreed; a parameter without a value has `true`. */
export interface ExtensionOffer {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, readonly (string | true)[]>;
}

/** Whether a text is a token (RFC 7230 §3.2.6). */
export function isToken(text: string): boolean {
  return text.length > 0 && endOfToken(text, 0) === text.length;
}

/** Whether a comma-separated list has the token, in any case. */
export function hasToken(list: string, token: string): boolean {
  return list.split(',').some((element) => trimSpaces(element).toLowerCase() === token);
}

/**
 * Subprotocols in the order of the client's preference; undefined when the header is malformed.
 * RFC 6455 §4.1: tokens of which all MUST be unique.
 */
export function parseSubprotocols(header: string): readonly string[] | undefined {
  const names = header.split(',').map(trimSpaces);
  if (!names.every(isToken)) return undefined;
  return new Set(names).size === names.length ? names : undefined;
}

/** The extensions of a Sec-WebSocket-Extensions header (RFC 6455 §9.1); undefined when it is malformed. */
export function parseExtensions(header: string): readonly ExtensionOffer[] | undefined {
  const offers: ExtensionOffer[] = [];
  const reader = new HeaderReader(header);
  do {
    const name = reader.token();
    if (name === undefined) return undefined;
    // A Map: parameters are called what the peer likes, `__proto__` too.
    const parameters = new Map<string, (string | true)[]>();
    while (reader.skip(';')) {
      const parameter = reader.token();
      if (parameter === undefined) return undefined;
      const value = reader.skip('=') ? reader.value() : true;
      if (value === undefined) return undefined;
      const values = parameters.get(parameter);
      if (values === undefined) parameters.set(parameter, [value]);
      else values.push(value);
    }
    offers.push({ name, parameters });
  } while (reader.skip(','));
  return reader.isAtEnd ? offers : undefined;
}

/** Walks a header once, from left to right. */
class HeaderReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipSpaces();
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  token(): string | undefined {
    const end = endOfToken(this.#text, this.#at);
    if (end === this.#at) return undefined;
    const token = this.#text.slice(this.#at, end);
    this.#at = end;
    this.#skipSpaces();
    return token;
  }

  skip(separator: string): boolean {
    if (this.#text.charAt(this.#at) !== separator) return false;
    this.#at += 1;
    this.#skipSpaces();
    return true;
  }

  /** A token, or a quoted string whose content is a token once unescaped (RFC 6455 §9.1). */
  value(): string | undefined {
    if (this.#text.charAt(this.#at) !== '"') return this.token();
    let content = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const character = this.#text.charAt(at);
      if (character === '"') {
        this.#at = at + 1;
        this.#skipSpaces();
        return isToken(content) ? content : undefined;
      }
      content += character === '\\' ? this.#text.charAt(++at) : character;
    }
    return undefined;
  }

  #skipSpaces(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1;
  }
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09;
}

/** Without spaces and tabs at either end; linear, where a regular expression is not. */
function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const TOKEN_MARKS = "!#$%&'*+-.^_`|~";

function endOfToken(text: string, start: number): number {
  let at = start;
  while (at < text.length && isTokenUnit(text.charCodeAt(at))) at += 1;
  return at;
}

function isTokenUnit(unit: number): boolean {
  if (unit >= 0x61 && unit <= 0x7a) return true;
  if (unit >= 0x41 && unit <= 0x5a) return true;
  if (unit >= 0x30 && unit <= 0x39) return true;
  return unit < 0x80 && TOKEN_MARKS.includes(String.fromCharCode(unit));
}
