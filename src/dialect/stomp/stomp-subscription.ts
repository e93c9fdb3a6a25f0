/** Owns one subscription as STOMP sees it: its mode of acknowledgement, and how its deliveries are written. */
import type { Batch, AcknowledgementWindow, ResetReason } from '../../session/index.js';
import { SharedBatch, type SharedMessage } from '../../session/index.js';
import type { StompHeaders } from '../../protocol/stomp/index.js';
import { Publication, type Message, type StreamPosition } from '../../message/index.js';
import { messageIdOf, publicationMessage, type MessageForm } from './message-encoding.js';

/** STOMP 1.2, "SUBSCRIBE ack Header". */
export type AcknowledgementMode = 'auto' | 'client' | 'client-individual';

export class StompSubscription {
  // What a delivery looks at comes first.
  #variant: string;
  /** Set while the client acknowledges. */
  window: AcknowledgementWindow | undefined = undefined;
  /** Headers that only the next MESSAGE has. */
  #extra: [string, string][] | undefined = undefined;
  /** Of a subscription that is open: an interceptor may have led it to a pattern, or from one. */
  #form: MessageForm;
  readonly destination: string;
  readonly mode: AcknowledgementMode;
  /** The client has said UNSUBSCRIBE: that it ends is no failure. */
  isUnsubscribed: boolean = false;
  /** The server made it: the client may take its id over. */
  isByServer: boolean = false;
  readonly #newMessageId: () => string;

  /** `newMessageId` is asked for publications that have no place to make one of. */
  constructor(
    form: MessageForm,
    destination: string,
    mode: AcknowledgementMode,
    newMessageId: () => string,
  ) {
    this.#form = form;
    this.destination = destination;
    this.mode = mode;
    this.#newMessageId = newMessageId;
    this.#variant = variantOf(form);
  }

  get form(): MessageForm {
    return this.#form;
  }

  /** It is open; `isExact` says whether what it follows is one destination. */
  opened(isExact: boolean): void {
    if (isExact === this.#form.isExact) return;
    this.#form = { ...this.#form, isExact };
    this.#variant = variantOf(this.#form);
  }

  /** Says in the next MESSAGE whether what was missed has been recovered: not everybody asks for a receipt. */
  tellRecovered(recovered: boolean): void {
    (this.#extra ??= []).push(['tideway-recovered', String(recovered)]);
  }

  /** Says in the snapshot that follows why what the client holds is no longer true. */
  tellReset(reason: ResetReason): void {
    (this.#extra ??= []).push(['tideway-reset', reason]);
  }

  /** The frames of a batch; in the modes `client` and `client-individual` they count as delivered from now on. */
  encode(batch: Batch): SharedBatch {
    // Nearly always: one look-up for each subscriber, and the work is done for the first of them.
    if (this.window === undefined && this.#extra === undefined && hasPlaces(batch)) {
      return this.#shared(batch);
    }
    const { publications } = batch;
    const ids = publications.map(messageIdOf);
    const isShared = this.#extra === undefined && !ids.includes(undefined);
    const known = ids.map((id) => id ?? this.#newMessageId());
    publications.forEach((publication, index) =>
      this.window?.delivered(known[index] ?? '', publication),
    );
    if (isShared) return this.#shared(batch);
    return this.#frames(publications, known, this.#takeExtra());
  }

  /** A whole state, as the MESSAGE of its place. */
  encodeSnapshot(message: Message, { epoch, offset }: StreamPosition): SharedMessage {
    const { destination } = this;
    const publication = new Publication(message, { destination, epoch, offset, publishedAtMs: 0 });
    const extra: StompHeaders = [['tideway-snapshot', 'true'], ...this.#takeExtra()];
    const messageId = messageIdOf(publication) ?? this.#newMessageId();
    return publicationMessage(this.form, publication, messageId, extra);
  }

  #shared(batch: Batch): SharedBatch {
    // One text for all who read a stream: next time the comparison does not read it.
    if (batch.firstVariant === this.#variant) this.#variant = batch.firstVariant;
    return batch.encodedAs(this.#variant, ({ publications }) =>
      this.#frames(publications, publications.map(messageIdOf), NOTHING),
    );
  }

  #frames(
    publications: readonly Publication[],
    messageIds: readonly (string | undefined)[],
    extra: StompHeaders,
  ): SharedBatch {
    return new SharedBatch(
      publications.map((publication, index) => {
        const messageId = messageIds[index] ?? '';
        return publicationMessage(this.form, publication, messageId, index === 0 ? extra : []);
      }),
    );
  }

  #takeExtra(): StompHeaders {
    const extra = this.#extra ?? NOTHING;
    this.#extra = undefined;
    return extra;
  }
}

/** Whether each of its publications has a place to make its message id of; all of one log have, or none. */
function hasPlaces({ publications }: Batch): boolean {
  for (const { epoch, offset } of publications) {
    if (epoch === undefined || offset === undefined) return false;
  }
  return true;
}

/** What is of one width comes before the id, which may be any text: no two forms have the same name. */
function variantOf({ version, isAcknowledged, isExact, subscriptionId }: MessageForm): string {
  const flags = `${isAcknowledged ? 'a' : '-'}${isExact ? '-' : 'p'}`;
  return `stomp${version}${flags}${subscriptionId === undefined ? '-' : `=${subscriptionId}`}`;
}

const NOTHING: StompHeaders = Object.freeze([]);
