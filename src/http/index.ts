/** The door of http/: the HTTP API, static files, forwarding to back ends. */
export { AddressGuard, type AddressClass, type Resolve } from './forward-address.js';
export { DEFAULT_FORWARD_OPTIONS, MIN_FORWARD_SECRET_BYTES } from './forward-options.js';
export type { ForwardOptions } from './forward-options.js';
export { HttpForwarder, type ForwardEnvironment } from './http-forwarder.js';
export { createHttpApi, mayPublish, type HttpApiOptions } from './http-api.js';
export { endFailedInTurns } from './failed-requests.js';
export { createRequestListener } from './request-listener.js';
export { leaveUnwantedBodies } from './unwanted-bodies.js';
