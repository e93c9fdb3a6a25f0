/** Owns what the native dialect makes of deliveries: one encoding for all subscribers of the same name. */
import type { Message, Publication } from '../../message/index.js';
import { JSON_CONTENT_TYPE } from '../../message/index.js';
import {
  encodeBinaryBody,
  encodeInlineBody,
  encodeServerFrame,
  type BodyFrameFields,
  type ServerFrame,
} from '../../protocol/native/index.js';
import { encodeUtf8, type Disconnect } from '../../foundation/index.js';
import { SharedBatch, SharedMessage, type Batch } from '../../session/index.js';

/** A frame without a body. */
export function frameMessage(frame: ServerFrame): SharedMessage {
  return new SharedMessage(encodeUtf8(encodeServerFrame(frame)), false);
}

/** The last frame: why the connection ends. */
export function disconnectMessage(error: Disconnect): SharedMessage {
  const { code, closeCode, mayReconnect, message } = error;
  return frameMessage({ type: 'disconnect', code, closeCode, mayReconnect, message });
}

/** A frame with a message: inline when its body is JSON in fact, binary otherwise (semantics M4). */
export function bodyMessage(fields: BodyFrameFields, message: Message): SharedMessage {
  const headers = message.headers.length > 0 ? message.headers : undefined;
  if (message.isValidJson) {
    const contentType = message.contentType === JSON_CONTENT_TYPE ? undefined : message.contentType;
    return new SharedMessage(
      encodeInlineBody({ ...fields, contentType, headers }, message.body),
      false,
    );
  }
  const { contentType } = message;
  return new SharedMessage(
    encodeBinaryBody({ ...fields, contentType, headers }, message.body),
    true,
  );
}

/**
 * The publications of a batch for a subscription. Its name stands in them only where it is not the destination itself,
 * so every exact subscriber of a destination shares one encoding.
 */
export function encodeBatch(batch: Batch, subscriptionName: string): SharedBatch {
  return new SharedBatch(
    batch.publications.map((publication) => publicationMessage(publication, subscriptionName)),
  );
}

function publicationMessage(publication: Publication, subscriptionName: string): SharedMessage {
  const { destination, epoch, offset, publishedAtMs, key, messageId } = publication;
  const subscription = subscriptionName === destination ? undefined : subscriptionName;
  return bodyMessage(
    {
      type: 'publication',
      destination,
      subscription,
      epoch,
      offset,
      publishedAtMs,
      key,
      messageId,
    },
    publication,
  );
}
