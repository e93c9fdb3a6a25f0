/** Owns user destinations: `/user/queue/x` is the caller's own, `/user/{name}/queue/x` reaches every session of a principal. */
import { encodeUtf8, RequestError } from '../../foundation/index.js';
import { Publication } from '../../message/index.js';
import { refuseOtherPolicies } from '../../routing/index.js';
import type {
  Mount,
  MountKind,
  OpenedSubscription,
  SendOperation,
  SendOutcome,
  SubscribeOperation,
} from '../../routing/index.js';
import { Batch } from '../../session/index.js';
import type { Delivery, DeliverySink, DeliverySource } from '../../session/index.js';
import type { Retention, Streams } from '../../streams/index.js';

/** Publications of user destinations are kept for live sessions, and for recovery as far as the live ring reaches. */
const RETENTION: Retention = { historySize: 0, historyTtlMs: Infinity };

/** A log mount. A named principal has one stream for each destination; an anonymous session has its own. */
export class UserMount implements Mount {
  readonly kind: MountKind = 'log';
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /**
   * Sends to a principal: the first segment below the prefix is its name, percent-encoded as `escapeName` does it.
   * Allowed to the server, and to clients only by a rule.
   */
  async send(operation: SendOperation): Promise<SendOutcome> {
    const { destination, path, message, key, messageId } = operation;
    const [, name = '', ...rest] = path.split('/');
    if (name === '' || rest.length === 0) {
      throw new RequestError(
        'destination/invalid',
        'name the principal and its destination, as in /user/ada/queue/notices',
      );
    }
    const prefix = destination.slice(0, destination.length - path.length);
    const stream = `${prefix}/p:${name}/${rest.join('/')}`;
    const { position } = await this.#streams.publish(stream, message, {
      key,
      messageId,
      retention: RETENTION,
    });
    return { position };
  }

  async subscribe(operation: SubscribeOperation, sink: DeliverySink): Promise<OpenedSubscription> {
    refuseOtherPolicies(operation);
    const { caller, destination, path, pattern, cursor } = operation;
    if (pattern !== undefined) {
      throw new RequestError(
        'destination/pattern-not-allowed',
        'user destinations are subscribed to one by one, without patterns',
      );
    }
    if (path === '' || caller.session === undefined) {
      throw new RequestError(
        'destination/invalid',
        'name a destination, as in /user/queue/notices',
      );
    }
    const prefix = destination.slice(0, destination.length - path.length);
    const { name } = caller.principal;
    const owner = name === undefined ? `s:${caller.session.sessionId}` : `p:${escapeName(name)}`;
    const opened = await this.#streams.open(`${prefix}/${owner}${path}`, sink, cursor);
    return {
      source: new OwnDestinationSource(opened.source, destination),
      ...(opened.cursor !== undefined && { cursor: opened.cursor }),
      ...(opened.recovered !== undefined && { recovered: opened.recovered }),
    };
  }
}

/**
 * A principal's name as one segment of a destination: `%` and what a segment cannot hold are percent-encoded,
 * so that `/` is `%2F`. Names that need none of it stand as they are.
 */
export function escapeName(name: string): string {
  const escaped = name.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    /[%/*?{}\u0000-\u001f\u007f-\u009f]/g,
    (character) =>
      [...encodeUtf8(character)]
        .map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
  );
  return escaped === '.' || escaped === '..' ? escaped.replaceAll('.', '%2E') : escaped;
}

/** Shows each publication under the destination that was subscribed to. */
class OwnDestinationSource implements DeliverySource {
  readonly #source: DeliverySource;
  readonly #destination: string;

  constructor(source: DeliverySource, destination: string) {
    this.#source = source;
    this.#destination = destination;
  }

  pull(maxBytes: number): Delivery | undefined {
    const delivery = this.#source.pull(maxBytes);
    if (delivery?.kind !== 'publications') return delivery;
    const publications = delivery.batch.publications.map((publication) =>
      Publication.readdressed(publication, this.#destination),
    );
    return { kind: 'publications', batch: new Batch(publications) };
  }

  close(): void {
    this.#source.close();
  }
}
