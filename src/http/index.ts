/** The door of http/: the HTTP API and static files. */
export { createHttpApi, type HttpApiOptions } from './http-api.js';
export { createRequestListener } from './request-listener.js';
