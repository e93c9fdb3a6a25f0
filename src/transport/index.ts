/** The door of transport/: sockets and HTTP exchanges as connections, and the host's time and randomness. */
export * from './accept-websocket-connections.js';
export * from './node-output.js';
export { PeerAddresses, trustedProxyFault } from './peer-addresses.js';
export * from './node-random.js';
export * from './node-time.js';
export * from './websocket/index.js';
export * from './websocket-connection.js';
