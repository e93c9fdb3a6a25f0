/** Owns the EventTarget face of a WebSocket: addEventListener and events as browsers have them, over the emitter. */
import type { EventEmitter } from 'node:events';
import type { RawData } from './payload.js';

/** What listeners are given. */
export interface WebSocketEvent {
  readonly type: string;
  readonly target: unknown;
}
export interface MessageEvent extends WebSocketEvent {
  readonly data: string | RawData;
}
export interface CloseEvent extends WebSocketEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}
export interface ErrorEvent extends WebSocketEvent {
  readonly error: Error;
  readonly message: string;
}

export interface EventsByType {
  open: WebSocketEvent;
  message: MessageEvent;
  close: CloseEvent;
  error: ErrorEvent;
}
export type EventType = keyof EventsByType;

/** A function, or an object with `handleEvent`. */
export type EventHandler<E> = ((event: E) => void) | { handleEvent(event: E): void };

/** The value of `onopen` and its like. */
export type EventAttribute<T extends EventType> = ((event: EventsByType[T]) => void) | null;

export interface ListenerOptions {
  readonly once?: boolean;
}

type AnyHandler = EventHandler<never>;
type EmitterListener = (...values: never[]) => void;

/** The listeners that the emitter holds in place of handlers, and who sets them by attribute (`onopen` …). */
export class EventFace {
  readonly #emitter: EventEmitter;
  readonly #listeners = new Map<EventType, Map<AnyHandler, EmitterListener>>();
  readonly #attributes = new Map<EventType, AnyHandler>();

  constructor(emitter: EventEmitter) {
    this.#emitter = emitter;
  }

  add<T extends EventType>(
    type: T,
    handler: EventHandler<EventsByType[T]>,
    options: ListenerOptions = {},
  ): void {
    const listeners = this.#listeners.get(type) ?? new Map<AnyHandler, EmitterListener>();
    this.#listeners.set(type, listeners);
    if (listeners.has(handler)) return;
    const call = (event: EventsByType[T]): void => {
      if (options.once === true) this.remove(type, handler);
      if (typeof handler === 'function') handler.call(this.#emitter, event);
      else handler.handleEvent(event);
    };
    const listener = listenerFor(type, this.#emitter, call as (event: never) => void);
    listeners.set(handler, listener);
    this.#emitter.on(type, listener as (...values: unknown[]) => void);
  }

  remove<T extends EventType>(type: T, handler: EventHandler<EventsByType[T]>): void {
    const listener = this.#listeners.get(type)?.get(handler);
    if (listener === undefined) return;
    this.#listeners.get(type)?.delete(handler);
    this.#emitter.removeListener(type, listener as (...values: unknown[]) => void);
  }

  getAttribute<T extends EventType>(type: T): EventAttribute<T> {
    return (this.#attributes.get(type) as EventAttribute<T> | undefined) ?? null;
  }

  /** Replaces the handler set by attribute; what is not a function sets none. */
  setAttribute<T extends EventType>(type: T, handler: EventAttribute<T>): void {
    const previous = this.getAttribute(type);
    if (previous !== null) this.remove(type, previous);
    this.#attributes.delete(type);
    if (typeof handler !== 'function') return;
    this.#attributes.set(type, handler);
    this.add(type, handler);
  }
}

function listenerFor(
  type: EventType,
  target: EventEmitter,
  call: (event: never) => void,
): EmitterListener {
  const tell = call as (event: WebSocketEvent) => void;
  switch (type) {
    case 'message':
      return (data: RawData, isBinary: boolean) =>
        tell({ type, target, data: isBinary ? data : textOf(data) } as MessageEvent);
    case 'close':
      return (code: number, reason: Buffer) =>
        // RFC 6455 §7.1.4: clean when the closing handshake was completed.
        tell({
          type,
          target,
          code,
          reason: reason.toString(),
          wasClean: code !== 1006,
        } as CloseEvent);
    case 'error':
      return (error: Error) => tell({ type, target, error, message: error.message } as ErrorEvent);
    case 'open':
      return () => tell({ type, target });
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}
