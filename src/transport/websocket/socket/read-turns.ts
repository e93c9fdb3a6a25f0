/** Owns that reading takes its turns too: who has just been read much of waits while others had nothing. */
import type { Duplex } from 'node:stream';
import type { TurnBudget } from '../../../foundation/index.js';

/** Octets of a read that take a unit: to unmask and to check them. */
const BYTES_A_UNIT_LOG2 = 11;
/** A smaller read is of somebody who says little, and is left alone. */
const MIN_READ_BYTES = 16_384;

/** A smaller read is parsed, whatever the turn has had: what is whole in it waits by itself. */
const MIN_HELD_BYTES = 1_024;

/** Whose socket it is. */
export interface ReadSubject {
  readonly socket: Duplex;
  /** Nobody else has reason to hold its input. */
  readonly mayRead: boolean;
}

/** One whose input can be held. */
export interface HeldSubject extends ReadSubject {
  /** Parses nothing any more, but keeps what comes. */
  holdInput(): void;
  /** Goes on with it. */
  releaseInput(deliver: () => void): void;
}

/**
 * To be called before so many octets are parsed: where the turn is over, they are kept, and parsed in a later one. Fragments and control
 * frames cost as they are parsed, and what many sockets bring is read in one turn.
 */
export function restBeforeRead(
  subject: HeldSubject,
  byteLength: number,
  turns: TurnBudget | undefined,
): void {
  if (byteLength < MIN_HELD_BYTES || turns?.hasRoom !== false || !subject.mayRead) return;
  subject.holdInput();
  turns.later(() => subject.releaseInput(() => {}), 'backlog');
}

/** To be called after so many octets were parsed: where the turn is over, the socket is read on in a later one. */
export function restAfterRead(
  subject: ReadSubject,
  byteLength: number,
  turns: TurnBudget | undefined,
): void {
  if (byteLength < MIN_READ_BYTES || turns?.spend(byteLength >> BYTES_A_UNIT_LOG2) !== false)
    return;
  if (!subject.mayRead) return;
  const { socket } = subject;
  socket.pause();
  turns.later(() => {
    if (subject.mayRead && !socket.destroyed) socket.resume();
  }, 'backlog');
}
