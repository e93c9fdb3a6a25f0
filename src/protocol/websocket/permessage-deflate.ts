/** Owns the negotiation of permessage-deflate (RFC 7692 §5 and §7.1) for both roles: offers, answers and what they mean. */
import type { Role } from './closing-handshake.js';
import type { ExtensionOffer } from './header-grammar.js';

export const PERMESSAGE_DEFLATE = 'permessage-deflate';

/** Base-2 logarithms of the LZ77 window's size that may be agreed (RFC 7692 §7.1.2). */
export const MIN_WINDOW_BITS = 8;
export const MAX_WINDOW_BITS = 15;

/** The four parameters of an offer or an answer. */
export interface DeflateParameters {
  /** The server forgets its window after each message. */
  readonly serverNoContextTakeover: boolean;
  /** The client forgets its window after each message. */
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number | undefined;
  /** `true`, in an offer only: without a value the client merely says that it can be told one. */
  readonly clientMaxWindowBits: number | true | undefined;
}

/** What an endpoint wants; undefined leaves it to the peer. */
export interface DeflatePreferences {
  /** `true` asks for it, `false` refuses it. */
  readonly serverNoContextTakeover: boolean | undefined;
  /** `true` asks for it, `false` refuses it. */
  readonly clientNoContextTakeover: boolean | undefined;
  /** A number asks for that size, `false` refuses any. */
  readonly serverMaxWindowBits: number | boolean | undefined;
  /** A number asks for that size, `false` refuses any. */
  readonly clientMaxWindowBits: number | boolean | undefined;
}

/** What a server makes of the offers of a client. */
export type DeflateVerdict =
  | { readonly kind: 'agreed'; readonly parameters: DeflateParameters }
  /** Nothing is agreed: no offer, none that the preferences allow, or none that is well-formed. */
  | { readonly kind: 'absent' | 'declined' | 'malformed' };

/** How one direction of a connection is compressed. */
export interface DeflateDirection {
  readonly windowBits: number;
  /** Whether a message may refer to the ones before it. */
  readonly keepsContext: boolean;
}

/** Both directions, as one end sees them. */
export interface DeflateDirections {
  readonly outgoing: DeflateDirection;
  readonly incoming: DeflateDirection;
}

/** Reads the parameters of an offer, or of an answer; undefined when one of them is not as RFC 7692 §7.1 has it. */
export function readDeflateParameters(
  extension: ExtensionOffer,
  form: 'offer' | 'answer',
): DeflateParameters | undefined {
  let serverNoContextTakeover = false;
  let clientNoContextTakeover = false;
  let serverMaxWindowBits: number | undefined = undefined;
  let clientMaxWindowBits: number | true | undefined = undefined;
  for (const [name, values] of extension.parameters) {
    // RFC 7692 §7.1: the same name more than once, a name that is not known or a value that is not
    // allowed: the server MUST decline the offer, the client MUST fail the connection.
    if (values.length !== 1) return undefined;
    const value = values[0]!;
    if (name === 'server_no_context_takeover' && value === true) serverNoContextTakeover = true;
    else if (name === 'client_no_context_takeover' && value === true) {
      clientNoContextTakeover = true;
    } else if (name === 'server_max_window_bits') {
      serverMaxWindowBits = windowBitsOf(value);
      if (serverMaxWindowBits === undefined) return undefined;
    } else if (name === 'client_max_window_bits') {
      // RFC 7692 §7.1.2.2: without a value in an offer only.
      clientMaxWindowBits = value === true && form === 'offer' ? true : windowBitsOf(value);
      if (clientMaxWindowBits === undefined) return undefined;
    } else return undefined;
  }
  return {
    serverNoContextTakeover,
    clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits,
  };
}

const WINDOW_BITS: ReadonlyMap<string, number> = new Map(
  [8, 9, 10, 11, 12, 13, 14, 15].map((bits) => [String(bits), bits]),
);

/** RFC 7692 §7.1.2.1: a decimal integer from 8 to 15 without leading zeroes. */
function windowBitsOf(value: string | true): number | undefined {
  return value === true ? undefined : WINDOW_BITS.get(value);
}

/** Chooses the first offer that the preferences allow (RFC 7692 §5.1: offers stand in the client's order). */
export function acceptDeflateOffer(
  extensions: readonly ExtensionOffer[],
  preferences: DeflatePreferences,
): DeflateVerdict {
  let kind: 'absent' | 'declined' | 'malformed' = 'absent';
  for (const extension of extensions) {
    if (extension.name !== PERMESSAGE_DEFLATE) continue;
    const offer = readDeflateParameters(extension, 'offer');
    if (offer === undefined) kind = 'malformed';
    else if (isAcceptable(offer, preferences)) {
      return { kind: 'agreed', parameters: answerTo(offer, preferences) };
    } else if (kind === 'absent') kind = 'declined';
  }
  return { kind };
}

function isAcceptable(offer: DeflateParameters, preferences: DeflatePreferences): boolean {
  if (preferences.serverNoContextTakeover === false && offer.serverNoContextTakeover) return false;
  const { serverMaxWindowBits, clientMaxWindowBits } = preferences;
  if (offer.serverMaxWindowBits !== undefined) {
    if (serverMaxWindowBits === false) return false;
    if (typeof serverMaxWindowBits === 'number' && serverMaxWindowBits > offer.serverMaxWindowBits)
      return false;
  }
  if (typeof clientMaxWindowBits !== 'number') return true;
  // RFC 7692 §7.1.2.2: a client that does not offer it cannot be told a size.
  if (offer.clientMaxWindowBits === undefined) return false;
  return offer.clientMaxWindowBits === true || clientMaxWindowBits <= offer.clientMaxWindowBits;
}

function answerTo(offer: DeflateParameters, preferences: DeflatePreferences): DeflateParameters {
  const { serverMaxWindowBits, clientMaxWindowBits } = preferences;
  const offeredClientBits =
    offer.clientMaxWindowBits === true || clientMaxWindowBits === false
      ? undefined
      : offer.clientMaxWindowBits;
  return {
    serverNoContextTakeover:
      offer.serverNoContextTakeover || preferences.serverNoContextTakeover === true,
    clientNoContextTakeover:
      offer.clientNoContextTakeover || preferences.clientNoContextTakeover === true,
    serverMaxWindowBits:
      typeof serverMaxWindowBits === 'number' ? serverMaxWindowBits : offer.serverMaxWindowBits,
    clientMaxWindowBits:
      typeof clientMaxWindowBits === 'number' ? clientMaxWindowBits : offeredClientBits,
  };
}

/** What a client with these preferences offers. */
export function deflateOffer(preferences: DeflatePreferences): DeflateParameters {
  const { serverMaxWindowBits, clientMaxWindowBits } = preferences;
  return {
    serverNoContextTakeover: preferences.serverNoContextTakeover === true,
    clientNoContextTakeover: preferences.clientNoContextTakeover === true,
    serverMaxWindowBits: typeof serverMaxWindowBits === 'number' ? serverMaxWindowBits : undefined,
    clientMaxWindowBits: clientMaxWindowBits === false ? undefined : (clientMaxWindowBits ?? true),
  };
}

/** Judges the answer to an offer; undefined when the client MUST fail the connection (RFC 7692 §7.1). */
export function checkDeflateAnswer(
  extensions: readonly ExtensionOffer[],
  preferences: DeflatePreferences,
): DeflateParameters | undefined {
  // RFC 7692 §5: one offer is accepted, so one answer comes.
  if (extensions.length !== 1) return undefined;
  const answer = readDeflateParameters(extensions[0]!, 'answer');
  if (answer === undefined) return undefined;
  const offer = deflateOffer(preferences);
  if (preferences.clientNoContextTakeover === false && answer.clientNoContextTakeover) {
    return undefined;
  }
  // RFC 7692 §7.1.2.1: the server accepts a size by one that is no larger.
  if (
    offer.serverMaxWindowBits !== undefined &&
    (answer.serverMaxWindowBits ?? MAX_WINDOW_BITS) > offer.serverMaxWindowBits
  ) {
    return undefined;
  }
  const offered = offer.clientMaxWindowBits;
  if (answer.clientMaxWindowBits !== undefined) {
    // RFC 7692 §7.1.2.2: it MUST NOT be answered unless it was offered, nor with a larger size.
    if (offered === undefined) return undefined;
    if (typeof offered === 'number' && Number(answer.clientMaxWindowBits) > offered) {
      return undefined;
    }
  }
  return {
    ...answer,
    // What a client announced it does, whether or not the server repeats it.
    clientNoContextTakeover: answer.clientNoContextTakeover || offer.clientNoContextTakeover,
    clientMaxWindowBits:
      answer.clientMaxWindowBits ?? (typeof offered === 'number' ? offered : undefined),
  };
}

/** The element of a Sec-WebSocket-Extensions header. */
export function formatDeflateParameters(parameters: DeflateParameters): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = parameters;
  let text = PERMESSAGE_DEFLATE;
  if (parameters.serverNoContextTakeover) text += '; server_no_context_takeover';
  if (parameters.clientNoContextTakeover) text += '; client_no_context_takeover';
  if (serverMaxWindowBits !== undefined) {
    text += `; server_max_window_bits=${serverMaxWindowBits}`;
  }
  if (clientMaxWindowBits === true) text += '; client_max_window_bits';
  else if (clientMaxWindowBits !== undefined) {
    text += `; client_max_window_bits=${clientMaxWindowBits}`;
  }
  return text;
}

/** What agreed parameters mean for one end. */
export function deflateDirections(parameters: DeflateParameters, role: Role): DeflateDirections {
  const { clientMaxWindowBits } = parameters;
  const fromServer: DeflateDirection = {
    windowBits: parameters.serverMaxWindowBits ?? MAX_WINDOW_BITS,
    keepsContext: !parameters.serverNoContextTakeover,
  };
  const fromClient: DeflateDirection = {
    windowBits: typeof clientMaxWindowBits === 'number' ? clientMaxWindowBits : MAX_WINDOW_BITS,
    keepsContext: !parameters.clientNoContextTakeover,
  };
  return role === 'server'
    ? { outgoing: fromServer, incoming: fromClient }
    : { outgoing: fromClient, incoming: fromServer };
}
