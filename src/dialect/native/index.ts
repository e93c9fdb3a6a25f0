/** The door of dialect/native/: connections that speak `tideway.v1`. */
export type { NativeEnvironment } from './environment.js';
export { bearerToken, NativeReceiver } from './native-receiver.js';
