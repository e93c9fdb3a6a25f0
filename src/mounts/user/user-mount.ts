/** Owns user destinations: `/user/queue/x` is the caller's own, `/user/{name}/queue/x` reaches every session of a principal. */
import { RequestError } from '../../foundation/index.js';
import {
  escapeName,
  Publication,
  quoted,
  unescapeName,
  type Audience,
} from '../../message/index.js';
import { ownerOf, refuseOtherPolicies } from '../../routing/index.js';
import type {
  Mount,
  MountKind,
  OpenedSubscription,
  SendOperation,
  SendOutcome,
  SubscribeOperation,
} from '../../routing/index.js';
import { Batch } from '../../session/index.js';
import type {
  Delivery,
  DeliverySink,
  DeliverySource,
  Principal,
  SessionRegistry,
} from '../../session/index.js';
import type { Retention, Streams } from '../../streams/index.js';

/** Publications of user destinations are kept for live sessions, and for recovery as far as the live ring reaches. */
const RETENTION: Retention = { historySize: 0, historyTtlMs: Infinity };

/** A stream, and which of its readers a message is for. */
interface Target {
  readonly holder: string;
  readonly audience: Audience | undefined;
}

/** A log mount. A named principal has one stream for each destination; an anonymous session has its own. */
export class UserMount implements Mount {
  readonly kind: MountKind = 'log';
  readonly #streams: Streams;
  readonly #registry: Pick<SessionRegistry, 'session'>;

  constructor(streams: Streams, registry: Pick<SessionRegistry, 'session'>) {
    this.#streams = streams;
    this.#registry = registry;
  }

  /**
   * Sends to a principal: the first segment below the prefix is its name, percent-encoded as `escapeName` does it; or the id
   * of a live session, which then gets it alone. Allowed to the server, and to clients only by a rule.
   */
  async send(operation: SendOperation): Promise<SendOutcome> {
    const { destination, path, message, key, messageId } = operation;
    const [, segment = '', ...rest] = path.split('/');
    if (segment === '' || rest.length === 0) {
      throw new RequestError(
        'destination/invalid',
        'name the principal and its destination, as in /user/ada/queue/notices',
      );
    }
    const { holder, audience } = this.#targetOf(segment, operation.audience);
    const prefix = destination.slice(0, destination.length - path.length);
    const stream = streamOf(holder, `${prefix}/${rest.join('/')}`);
    return this.#streams.publish(stream, message, {
      key,
      messageId,
      audience,
      owner: ownerOf(operation.caller),
      retention: RETENTION,
    });
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
    const stream = streamOf(holderOf(caller.principal, caller.session.sessionId), destination);
    const opened = await this.#streams.open(stream, sink, cursor, ownerOf(caller));
    return {
      source: new OwnDestinationSource(opened.source, destination),
      ...(opened.cursor !== undefined && { cursor: opened.cursor }),
      ...(opened.recovered !== undefined && { recovered: opened.recovered }),
    };
  }

  #targetOf(segment: string, audience: Audience | undefined): Target {
    const name = unescapeName(segment);
    if (name === undefined) {
      throw new RequestError(
        'destination/invalid',
        `${quoted(segment)} is no name: write "%" as "%25", "/" as "%2F", and other characters as they are`,
      );
    }
    const session = this.#registry.session(name);
    if (session === undefined) return { holder: `p:${segment}`, audience };
    const { sessionId, principal } = session;
    const holder = holderOf(principal, sessionId);
    return { holder, audience: { ...audience, onlySessionId: sessionId } };
  }
}

/** The first segment of the streams of a principal, or of an anonymous session. */
function holderOf({ name }: Principal, sessionId: string): string {
  return name === undefined ? `s:${sessionId}` : `p:${escapeName(name)}`;
}

/**
 * No prefix has such a segment (semantics D1), so no pattern of a topic reaches a stream of this mount, wherever the prefixes of both
 * stand.
 */
const STREAMS = '/{user}/';

function streamOf(holder: string, destination: string): string {
  return `${STREAMS}${holder}${destination}`;
}

/**
 * The destination that subscribers know a stream of this mount by: what is below its holder. Settings of topics are
 * looked up under it. Other streams keep their name.
 */
export function ownDestinationOf(stream: string): string {
  return stream.startsWith(STREAMS) ? stream.slice(stream.indexOf('/', STREAMS.length)) : stream;
}

/** Shows each publication under the destination that was subscribed to. */
class OwnDestinationSource implements DeliverySource {
  readonly #source: DeliverySource;
  readonly #destination: string;

  constructor(source: DeliverySource, destination: string) {
    this.#source = source;
    this.#destination = destination;
  }

  pull(maxBytes: number, maxCount?: number): Delivery | undefined {
    const delivery = this.#source.pull(maxBytes, maxCount);
    if (delivery?.kind !== 'publications') return delivery;
    const publications = delivery.batch.publications.map((publication) =>
      Publication.changed(publication, { destination: this.#destination }),
    );
    return { kind: 'publications', batch: new Batch(publications) };
  }

  close(): void {
    this.#source.close();
  }
}
