/** The door of dialect/native/: connections that speak `tideway.v1`. */
export { NativeReceiver } from './native-receiver.js';
