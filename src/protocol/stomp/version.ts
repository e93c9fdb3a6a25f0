/** Owns the versions of STOMP, their WebSocket subprotocols, and which one two ends agree on. */

export type StompVersion = '1.0' | '1.1' | '1.2';

/** The best first. */
export const STOMP_VERSIONS: readonly StompVersion[] = ['1.2', '1.1', '1.0'];

/** Tokens of `Sec-WebSocket-Protocol`. Which version is spoken is said by CONNECT, whichever of them is agreed. */
export const STOMP_SUBPROTOCOLS: readonly string[] = ['v12.stomp', 'v11.stomp', 'v10.stomp'];

/**
 * STOMP 1.2, "Protocol Negotiation": the highest version in common; a client that names none speaks 1.0.
 * Undefined when there is none in common.
 */
export function negotiatedVersion(acceptVersion: string | undefined): StompVersion | undefined {
  if (acceptVersion === undefined) return '1.0';
  const accepted = acceptVersion.split(',').map((version) => version.trim());
  return STOMP_VERSIONS.find((version) => accepted.includes(version));
}
