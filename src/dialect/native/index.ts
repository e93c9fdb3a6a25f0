/** The door of dialect/native/: connections that speak `tideway.v1`. */
export { isNativeFirstMessage } from './first-message.js';
export { NativeReceiver } from './native-receiver.js';
