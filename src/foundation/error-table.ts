/** Owns the list of every code that Tideway itself puts on a wire, with its number; docs/reference/errors.md explains each. */

/** Answers to one operation. 100 to 499: the caller's fault. 500 to 599: try again. */
export const REQUEST_ERRORS = {
  'destination/invalid': 100,
  'destination/unknown': 101,
  'destination/pattern-not-allowed': 102,
  'destination/unsupported-operation': 103,
  'message/invalid': 110,
  'message/too-large': 111,
  'json/invalid': 112,
  'json/too-deep': 113,
  'frame/unknown-type': 120,
  'frame/invalid-field': 121,
  'access/denied': 130,
  'access/invalid-token': 131,
  'access/other-principal': 132,
  'subscription/exists': 140,
  'subscription/unknown': 141,
  'subscription/too-many': 142,
  'subscription/policy-refused': 143,
  'subscription/ended': 144,
  'acknowledgement/unknown': 145,
  'request/duplicate-id': 150,
  'request/cancelled': 151,
  'request/no-reply': 152,
  'transaction/exists': 155,
  'transaction/unknown': 156,
  'transaction/too-large': 157,
  'app/no-handler': 160,
  'app/invalid-payload': 161,
  'http/unauthorized': 170,
  'http/unsupported-media-type': 171,
  'http/not-found': 172,
  'http/method-not-allowed': 173,
  'forward/refused': 180,
  'app/failed': 500,
  'app/busy': 501,
  'app/timeout': 505,
  'request/too-many': 502,
  'server/failed': 504,
  'session/busy': 508,
  'stream/unavailable': 506,
  'work/full': 507,
  'forward/failed': 520,
  'forward/timeout': 521,
  'forward/refused-address': 522,
} as const;

export type RequestErrorCode = keyof typeof REQUEST_ERRORS;

/** Ends of a connection. 4000 to 4499: come back. 4500 to 4999: do not. */
export const DISCONNECTS = {
  'server/shutdown': 4000,
  'session/slow-consumer': 4001,
  'session/token-expired': 4002,
  'server/internal-error': 4004,
  'session/connect-timeout': 4005,
  'stream/interrupted': 4006,
  'session/operation-failed': 4007,
  'session/heartbeat-timeout': 4008,
  'session/invalid-token': 4501,
  'session/unknown-dialect': 4503,
  'session/too-many-operations': 4504,
  'session/protocol-error': 4505,
  'session/operation-refused': 4506,
} as const;

export type DisconnectCode = keyof typeof DISCONNECTS;
