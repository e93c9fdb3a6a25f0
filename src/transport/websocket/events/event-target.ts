/** Owns the EventTarget face of a WebSocket: addEventListener, `onopen` and its like, over the emitter's listeners. */
import type { EventEmitter } from 'node:events';
import { CloseEvent, ErrorEvent, Event, MessageEvent, defineAccessor } from './events.js';
import type { RawData } from '../socket/payload.js';

export interface EventsByType {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
  error: ErrorEvent;
}
export type EventType = keyof EventsByType;
export const EVENT_TYPES: readonly EventType[] = ['open', 'message', 'close', 'error'];

/** A function, or an object with `handleEvent`. */
export type EventHandler<E> = ((event: E) => void) | { handleEvent(event: E): void };

/** The value of `onopen` and its like. */
export type EventAttribute<T extends EventType> = ((event: EventsByType[T]) => void) | null;

export interface ListenerOptions {
  /** Whether it is called at most once. Default false. */
  readonly once?: boolean | undefined;
  /** Removes the handler when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

type AnyHandler = EventHandler<never>;

const NO_OPTIONS: ListenerOptions = {};

/** A listener of the emitter that stands for a handler of the face. */
interface FaceListener {
  (...values: never[]): void;
  handler: AnyHandler;
  /** Set by `onopen` and its like, of which there is one for each type. */
  readonly isAttribute: boolean;
}

/** Adds a handler; one that is there already, or of a type that is not known, changes nothing. */
export function addHandler(
  emitter: EventEmitter,
  type: EventType,
  handler: AnyHandler,
  options?: ListenerOptions | boolean | null,
): void {
  // As an EventTarget has it: no handler, or one that is not wanted any more, is none.
  const { once, signal } = typeof options === 'object' && options !== null ? options : NO_OPTIONS;
  if (!isHandler(handler) || signal?.aborted === true) return;
  if (findListener(emitter, type, (it) => !it.isAttribute && it.handler === handler)) return;
  const listener = listenerFor(type, handler, false);
  if (listener === undefined) return;
  if (once === true) emitter.once(type, listener as () => void);
  else emitter.on(type, listener as () => void);
  signal?.addEventListener('abort', () => removeHandler(emitter, type, handler), { once: true });
}

function isHandler(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}

/** Removes a handler that was added by `addHandler`. */
export function removeHandler(emitter: EventEmitter, type: EventType, handler: AnyHandler): void {
  const found = findListener(emitter, type, (it) => !it.isAttribute && it.handler === handler);
  if (found !== undefined) emitter.removeListener(type, found as () => void);
}

/** Defines `onopen` or its like on the class of an emitter. */
export function defineAttribute(prototype: EventEmitter, type: EventType): void {
  defineAccessor(prototype, `on${type}`, {
    get(this: EventEmitter): AnyHandler | null {
      return findListener(this, type, (it) => it.isAttribute)?.handler ?? null;
    },
    set(this: EventEmitter, handler: unknown) {
      setAttribute(this, type, handler);
    },
  });
}

/** Replaces the handler set by attribute; what is not a function sets none. */
function setAttribute(emitter: EventEmitter, type: EventType, handler: unknown): void {
  const previous = findListener(emitter, type, (it) => it.isAttribute);
  if (typeof handler !== 'function') {
    if (previous !== undefined) emitter.removeListener(type, previous as () => void);
    return;
  }
  // HTML, "event handler content attributes": another handler takes the place of the one before.
  if (previous !== undefined) previous.handler = handler as AnyHandler;
  else emitter.on(type, listenerFor(type, handler as AnyHandler, true) as () => void);
}

/** The emitter's own list is the truth, so that `removeAllListeners` removes handlers too. */
function findListener(
  emitter: EventEmitter,
  type: EventType,
  isWanted: (listener: FaceListener) => boolean,
): FaceListener | undefined {
  const listeners: readonly unknown[] = emitter.listeners(type);
  return listeners.find((it): it is FaceListener => isFaceListener(it) && isWanted(it));
}

function isFaceListener(listener: unknown): listener is FaceListener {
  return typeof listener === 'function' && 'handler' in listener && 'isAttribute' in listener;
}

function listenerFor(
  type: EventType,
  handler: AnyHandler,
  isAttribute: boolean,
): FaceListener | undefined {
  const toEvent = eventMakers[type] as ((...values: unknown[]) => Event) | undefined;
  if (toEvent === undefined) return undefined;
  const listener = function (this: EventEmitter, ...values: unknown[]): void {
    call(faceListener.handler, this, Event.from(toEvent(...values), this));
  };
  const faceListener = Object.assign(listener, { handler, isAttribute }) as FaceListener;
  return faceListener;
}

function call(handler: AnyHandler, target: EventEmitter, event: Event): void {
  if (typeof handler === 'function') (handler as (event: Event) => void).call(target, event);
  else (handler as { handleEvent(event: Event): void }).handleEvent(event);
}

const eventMakers = {
  open: (): Event => new Event('open'),
  message: (data: RawData, isBinary: boolean): Event =>
    new MessageEvent('message', { data: isBinary ? data : textOf(data) }),
  // RFC 6455 §7.1.4: clean when the closing handshake was completed; 1006 says that it was not.
  close: (code: number, reason: Buffer): Event =>
    new CloseEvent('close', { code, reason: reason.toString(), wasClean: code !== 1006 }),
  error: (error: Error): Event => new ErrorEvent('error', { error, message: error.message }),
};

function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data as ArrayBuffer).toString();
}
