/** The door of mounts/app/. */
export * from './app-mount.js';
export {
  controller,
  messageExceptionHandler,
  messageMapping,
  sendTo,
  sendToUser,
  subscribeMapping,
} from './decorators.js';
export type { AnyMethodDecorator, MappingDecorator } from './decorators.js';
export type { DestinationVariables, VariableNames } from './destination-variables.js';
export type { ErrorClass, ErrorPredicate } from './exception-handlers.js';
export * from './forwarder.js';
export * from './handler.js';
export type { MappingPrefixes } from './outbox.js';
export { InvalidPayloadError, type PayloadIssue } from './payload.js';
