/** Owns permessage-deflate in the opening handshake: the server's answer to offers and the client's offer and its answer. */
import {
  acceptDeflateOffer,
  checkDeflateAnswer,
  deflateOffer,
  formatDeflateParameters,
  type AcceptedUpgrade,
  type ExtensionOffer,
  type RefusedUpgrade,
} from '../../../protocol/websocket/index.js';
import {
  agreeCompression,
  serverPreferences,
  type AgreedCompression,
  type CompressionSettings,
} from './compression-options.js';

/** What `ws` answers to offers of which none is well-formed. */
export const UNACCEPTABLE_EXTENSIONS: RefusedUpgrade = {
  isAccepted: false,
  status: 400,
  message: 'Invalid or unacceptable Sec-WebSocket-Extensions header',
  headers: {},
};

/** Whether a client offers permessage-deflate in malformed words only. */
export function hasMalformedDeflateOffer(
  upgrade: AcceptedUpgrade,
  settings: CompressionSettings | undefined,
): boolean {
  if (settings === undefined || upgrade.extensions.length === 0) return false;
  return acceptDeflateOffer(upgrade.extensions, settings.preferences).kind === 'malformed';
}

/** Agrees on an offer if one can be accepted, and adds its line to those of the 101 answer. */
export function answerDeflateOffer(
  upgrade: AcceptedUpgrade,
  settings: CompressionSettings | undefined,
  lines: string[],
): AgreedCompression | undefined {
  if (settings === undefined || upgrade.extensions.length === 0) return undefined;
  const verdict = acceptDeflateOffer(upgrade.extensions, serverPreferences(settings));
  // RFC 7692 §5.1: an offer that is declined is not answered; the connection does without.
  if (verdict.kind !== 'agreed') return undefined;
  lines.push(`Sec-WebSocket-Extensions: ${formatDeflateParameters(verdict.parameters)}`);
  return agreeCompression(settings, verdict.parameters, 'server');
}

/** The value of a client's Sec-WebSocket-Extensions header. */
export function deflateOfferHeader(settings: CompressionSettings): string {
  return formatDeflateParameters(deflateOffer(settings.preferences));
}

/** Judges what a server answered; the text says why the connection fails. */
export function checkedDeflateAnswer(
  extensions: readonly ExtensionOffer[],
  settings: CompressionSettings | undefined,
): AgreedCompression | string | undefined {
  if (settings === undefined || extensions.length === 0) return undefined;
  const parameters = checkDeflateAnswer(extensions, settings.preferences);
  if (parameters === undefined) return 'Invalid Sec-WebSocket-Extensions header';
  return agreeCompression(settings, parameters, 'client');
}
