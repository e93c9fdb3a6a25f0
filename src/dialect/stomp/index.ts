/** The door of dialect/stomp/: connections that speak STOMP 1.0, 1.1 or 1.2. */
export type { StompEnvironment } from './environment.js';
export { isStompFirstMessage } from './first-message.js';
export { StompReceiver } from './stomp-receiver.js';
