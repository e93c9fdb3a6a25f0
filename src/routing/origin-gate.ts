/** Owns the one Origin gate of every door that a browser can reach (semantics A4). */

/** The header fields that it looks at, names in lower case. */
export interface OriginHeaders {
  get(name: string): string | undefined;
}

export interface OriginGateOptions {
  /** More origins than the server's own, written as browsers send them: `https://example.com`. Default none. */
  readonly allowedOrigins?: readonly string[];
}

/** Origins that are the server's own: named, or whatever the Host header says. */
export type OwnOrigins = { readonly origins: readonly string[] } | 'host';

/**
 * RFC 6454 §6.2: scheme, host and port, or `null`; web views of apps say `file://`. There are no patterns: `*` would match nothing.
 */
const ORIGIN = /^(?:null|file:\/\/|[a-z][a-z\d+.-]*:\/\/[^\s/?#*]+)$/i;

/** Of pages from the web: a host in lower case, and no port that goes without saying. */
const WEB_ORIGIN = /^(?:http:\/\/(?!.*:80$)|https:\/\/(?!.*:443$))[^@A-Z]+$/;

/** Whether a browser may send it as an Origin. */
export function isOrigin(value: string): boolean {
  return ORIGIN.test(value) && (WEB_ORIGIN.test(value) || !/^https?:/i.test(value));
}

/**
 * Exact matches only. A request without Origin passes unless it brings cookies: browsers always send
 * Origin where this gate stands, so such a request is no browser's, or not to be trusted.
 */
export class OriginGate {
  readonly #allowed: ReadonlySet<string>;
  #own: readonly string[] = [];
  #acceptsHost: boolean = false;

  /** Throws a RangeError for what no browser sends as an Origin. */
  constructor(options: OriginGateOptions = {}) {
    const { allowedOrigins = [] } = options;
    if (!Array.isArray(allowedOrigins)) throw new TypeError('allowedOrigins is a list of texts');
    const wrong = options.allowedOrigins?.find((origin) => !isOrigin(origin));
    if (wrong !== undefined) {
      throw new RangeError(
        `allowedOrigins: ${JSON.stringify(wrong)} is no origin as browsers send it; name each, such as https://example.com, without a path`,
      );
    }
    this.#allowed = new Set(options.allowedOrigins ?? []);
  }

  /**
   * Says which origins are the server's own, each time that it begins to listen. On loopback these are named
   * one by one: there a Host header proves nothing, since a stranger's domain may be made to resolve to it.
   * Elsewhere an Origin equal to the Host is the server's own.
   */
  setOwn(own: OwnOrigins): void {
    this.#acceptsHost = own === 'host';
    this.#own = own === 'host' ? [] : own.origins;
  }

  /** Why a request is refused, or undefined when it passes. */
  refusalOf(headers: OriginHeaders): string | undefined {
    const origin = headers.get('origin');
    if (origin === undefined) {
      return headers.get('cookie') === undefined
        ? undefined
        : 'a request with cookies needs an Origin header';
    }
    if (this.isAllowed(origin, headers.get('host'))) return undefined;
    return 'this Origin is not allowed; name it in allowedOrigins';
  }

  /** Whether pages of an origin may use the server. */
  isAllowed(origin: string, host: string | undefined): boolean {
    if (this.#allowed.has(origin) || this.#own.includes(origin)) return true;
    if (!this.#acceptsHost || host === undefined) return false;
    const own = host.toLowerCase();
    return origin === `http://${own}` || origin === `https://${own}`;
  }
}
