/** Owns one subscription as STOMP sees it: its mode of acknowledgement, and how its deliveries are written. */
import type { Batch, AcknowledgementWindow, ResetReason } from '../../session/index.js';
import { SharedBatch, type SharedMessage } from '../../session/index.js';
import type { StompHeaders } from '../../protocol/stomp/index.js';
import { Publication, type Message, type StreamPosition } from '../../message/index.js';
import { messageIdOf, publicationMessage, type MessageForm } from './message-encoding.js';

/** STOMP 1.2, "SUBSCRIBE ack Header". */
export type AcknowledgementMode = 'auto' | 'client' | 'client-individual';

export class StompSubscription {
  readonly form: MessageForm;
  readonly destination: string;
  readonly mode: AcknowledgementMode;
  /** Set while the client acknowledges. */
  window: AcknowledgementWindow | undefined = undefined;
  /** The client has said UNSUBSCRIBE: that it ends is no failure. */
  isUnsubscribed: boolean = false;
  /** The server made it: the client may take its id over. */
  isByServer: boolean = false;
  readonly #variant: string;
  readonly #newMessageId: () => string;
  /** Headers that only the next MESSAGE has. */
  #extra: [string, string][] = [];

  /** `newMessageId` is asked for publications that have no place to make one of. */
  constructor(
    form: MessageForm,
    destination: string,
    mode: AcknowledgementMode,
    newMessageId: () => string,
  ) {
    this.form = form;
    this.destination = destination;
    this.mode = mode;
    this.#newMessageId = newMessageId;
    const { version, isAcknowledged, isExact, subscriptionId } = form;
    const kind = `stomp${version}${isAcknowledged ? ' ack' : ''}${isExact ? '' : ' pattern'}`;
    // The id is the client's to choose: nothing in it may read as a part of the kind.
    this.#variant = subscriptionId === undefined ? kind : `${kind}:${subscriptionId}`;
  }

  /** Says in the next MESSAGE whether what was missed has been recovered: not everybody asks for a receipt. */
  tellRecovered(recovered: boolean): void {
    this.#extra.push(['tideway-recovered', String(recovered)]);
  }

  /** Says in the snapshot that follows why what the client holds is no longer true. */
  tellReset(reason: ResetReason): void {
    this.#extra.push(['tideway-reset', reason]);
  }

  /** The frames of a batch; in the modes `client` and `client-individual` they count as delivered from now on. */
  encode(batch: Batch): SharedBatch {
    const { publications } = batch;
    const ids = publications.map(messageIdOf);
    const isShared = this.#extra.length === 0 && !ids.includes(undefined);
    const known = ids.map((id) => id ?? this.#newMessageId());
    if (this.window !== undefined) {
      publications.forEach((publication, index) =>
        this.window?.delivered(known[index] ?? '', publication),
      );
    }
    const extra = this.#takeExtra();
    const encode = (): SharedBatch =>
      new SharedBatch(
        publications.map((publication, index) =>
          publicationMessage(this.form, publication, known[index] ?? '', index === 0 ? extra : []),
        ),
      );
    return isShared ? batch.encodedAs(this.#variant, encode) : encode();
  }

  /** A whole state, as the MESSAGE of its place. */
  encodeSnapshot(message: Message, { epoch, offset }: StreamPosition): SharedMessage {
    const { destination } = this;
    const publication = new Publication(message, { destination, epoch, offset, publishedAtMs: 0 });
    const extra: StompHeaders = [['tideway-snapshot', 'true'], ...this.#takeExtra()];
    const messageId = messageIdOf(publication) ?? this.#newMessageId();
    return publicationMessage(this.form, publication, messageId, extra);
  }

  #takeExtra(): StompHeaders {
    if (this.#extra.length === 0) return NOTHING;
    const extra = this.#extra;
    this.#extra = [];
    return extra;
  }
}

const NOTHING: StompHeaders = Object.freeze([]);
