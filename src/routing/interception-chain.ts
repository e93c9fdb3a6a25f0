/** Owns one walk through interceptors: each sees what the one before it made of the message, at once where all answer at once. */
import { isThenable, RequestError } from '../foundation/index.js';
import { Message, Publication } from '../message/index.js';
import { checkedPrincipal, type Principal } from '../session/index.js';
import type { Answer, InboundChange, InboundOperation, MessageChange } from './interceptor.js';
import type { SendOperation } from './mount.js';

/** What a message is that nobody is to get. */
export const DROPPED: unique symbol = Symbol('dropped');
export type Dropped = typeof DROPPED;

/** One interceptor's part in a walk; nothing when it has been taken out since the walk began. */
export type Step<T, A> = (given: T) => Answer<A>;

/** Walks. Throws, or rejects with, what a step throws or rejects with. */
export function walk<T, A>(
  steps: readonly Step<T, A>[],
  given: T,
  apply: (given: T, answer: A) => T | Dropped,
): T | Dropped | Promise<T | Dropped> {
  let current = given;
  for (const [index, step] of steps.entries()) {
    const answer = step(current);
    if (answer === undefined) continue;
    if (isThenable(answer)) {
      return walkOn(answer, steps.slice(index + 1), current, apply);
    }
    const changed = apply(current, answer as A);
    if (changed === DROPPED) return DROPPED;
    current = changed;
  }
  return current;
}

async function walkOn<T, A>(
  pending: PromiseLike<A | undefined | void>,
  steps: readonly Step<T, A>[],
  given: T,
  apply: (given: T, answer: A) => T | Dropped,
): Promise<T | Dropped> {
  const answer = await pending;
  const changed = answer === undefined ? given : apply(given, answer as A);
  return changed === DROPPED ? DROPPED : walk(steps, changed, apply);
}

/** What may be changed of each kind of operation. */
const CHANGEABLE: Readonly<Record<InboundOperation['kind'], readonly (keyof InboundChange)[]>> = {
  connect: ['principal'],
  send: ['destination', 'message', 'key', 'messageId'],
  request: ['destination', 'message', 'key', 'messageId'],
  subscribe: ['destination', 'cursor', 'policy'],
  unsubscribe: [],
};

/** Throws a TypeError for an answer that is none: an application in JavaScript may answer anything. */
export function changedOperation<O extends InboundOperation>(operation: O, answer: unknown): O {
  const change = inboundChangeOf(operation, answer);
  const changed: Record<string, unknown> = { ...operation };
  for (const name of CHANGEABLE[operation.kind]) {
    if (name in change) changed[name] = change[name];
  }
  if ('message' in changed) checkMessage('inbound', changed['message']);
  if (operation.kind === 'connect') checkedPrincipal(changed['principal'] as Principal);
  return changed as unknown as O;
}

function inboundChangeOf({ kind }: InboundOperation, answer: unknown): InboundChange {
  if (!(answer instanceof Message)) return membersOf<InboundChange>('inbound', answer);
  if (CHANGEABLE[kind].includes('message')) return { message: answer };
  throw new TypeError(`an inbound interceptor answered a Message to a ${kind}, which has none`);
}

export function changedSend<O extends SendOperation>(operation: O, answer: unknown): O | Dropped {
  if (answer === 'drop') return DROPPED;
  return { ...operation, ...changeOf('broker', operation, answer) };
}

export function changedPublication(
  publication: Publication,
  answer: unknown,
): Publication | Dropped {
  if (answer === 'drop') return DROPPED;
  const { message, key } = changeOf(
    'outbound',
    { message: publication, key: publication.key },
    answer,
  );
  if (message === publication && key === publication.key) return publication;
  return Publication.changed(publication, { message, key });
}

interface MessageAndKey {
  readonly message: Message;
  readonly key: string | undefined;
}

function changeOf(place: string, given: MessageAndKey, answer: unknown): MessageAndKey {
  if (answer instanceof Message) return { message: answer, key: given.key };
  const change = membersOf<MessageChange>(place, answer);
  const message: unknown = change.message ?? given.message;
  checkMessage(place, message);
  return { message, key: 'key' in change ? change.key : given.key };
}

function membersOf<T extends object>(place: string, answer: unknown): T {
  if (typeof answer === 'object' && answer !== null) return answer as T;
  const may = place === 'inbound' ? ', a Message' : ', a Message, "drop"';
  throw new TypeError(
    `an ${place} interceptor answers nothing, an object of changes${may} or a promise of these; it answered ${String(answer)}`,
  );
}

function checkMessage(place: string, message: unknown): asserts message is Message {
  if (message instanceof Message) return;
  throw new TypeError(`the "message" that an interceptor (${place}) answers is a Message`);
}

/** Anything may be thrown, also what cannot even be asked what it is. */
function isRefusal(error: unknown): error is RequestError {
  try {
    return error instanceof RequestError;
  } catch {
    return false;
  }
}

/** Refusals as they are; of anything else the client learns no more than that it happened. */
export function refusalOf(error: unknown, report: (error: unknown) => void): RequestError {
  if (isRefusal(error)) return error;
  report(error);
  return new RequestError('server/failed', 'the server failed to do this; try again');
}
