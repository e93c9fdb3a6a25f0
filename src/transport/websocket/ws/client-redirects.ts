/** Owns what a client may take along when it follows a redirect: credentials stay with the host that they were meant for. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { ClientAddress } from './client-address.js';

export const DEFAULT_MAX_REDIRECT_COUNT = 10;

/** What a request carries besides the handshake itself. */
export interface Luggage {
  readonly headers: OutgoingHttpHeaders;
  readonly auth: string | undefined;
}

/** The luggage of one handshake and of the redirects that it meets. */
export class RedirectLuggage {
  readonly #origin: ClientAddress;
  #headers: OutgoingHttpHeaders;

  constructor(origin: ClientAddress, headers: OutgoingHttpHeaders | undefined) {
    this.#origin = origin;
    this.#headers = headers ?? {};
  }

  /** What goes to `address`. With `keepsAll` nothing is withheld: a listener of 'redirect' takes care of it. */
  packFor(address: ClientAddress, auth: string | undefined, keepsAll: boolean): Luggage {
    const isSameHost = hostOf(address) === hostOf(this.#origin);
    const isTrusted = isSameHost && (address.isSecure || !this.#origin.isSecure);
    if (keepsAll || isTrusted) {
      const luggage = { headers: this.#headers, auth };
      this.#remember(auth);
      return luggage;
    }
    // As curl does: who the user is stays behind, and so does the name of another host.
    const withheld = ['authorization', 'cookie', ...(isSameHost ? [] : ['host'])];
    return { headers: without(this.#headers, withheld), auth: undefined };
  }

  /** The first credentials win: later ones, of the URL of a redirect, do not replace a header that is set. */
  #remember(auth: string | undefined): void {
    const names = Object.keys(this.#headers);
    if (auth === undefined || names.some((name) => name.toLowerCase() === 'authorization')) return;
    const authorization = `Basic ${Buffer.from(auth).toString('base64')}`;
    this.#headers = { ...this.#headers, authorization };
  }
}

/** Host and port, or the socket of the file system. */
function hostOf({ socketPath, url }: ClientAddress): string {
  return socketPath === undefined ? `tcp:${url.host}` : `unix:${socketPath}`;
}

function without(headers: OutgoingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.filter(([name]) => !names.includes(name.toLowerCase())));
}
