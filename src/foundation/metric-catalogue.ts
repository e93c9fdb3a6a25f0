/** Owns what is counted: every metric by its name, with type, unit, labels and meaning. The reference page is compared with it. */

/** What an exporter needs to know of a metric. */
export interface MetricDescription {
  /** `counter` only rises, from 0 at the start of the process; `gauge` goes up and down. */
  readonly type: 'counter' | 'gauge';
  /** What one of it is, in the plural. */
  readonly unit: string;
  /** The keys of its labels; the values are few. */
  readonly labels: readonly string[];
  /** What it says, beside the unit. */
  readonly help: string;
}

/** Every metric, for exporters. A name stays once it was in a release; new ones come in minor versions. */
export const METRICS = {
  access_refused: {
    type: 'counter',
    unit: 'operations',
    labels: ['operation'],
    help: 'Refused by an access rule, or for want of one.',
  },
  authentication_failed: {
    type: 'counter',
    unit: 'sessions',
    labels: ['transport'],
    help: 'Refused for their token, or by the hook `authenticate`.',
  },
  connections_closed: {
    type: 'counter',
    unit: 'connections',
    labels: ['transport'],
    help: 'Have ended, whoever ended them.',
  },
  connections_disconnected: {
    type: 'counter',
    unit: 'connections',
    labels: ['code'],
    help: 'Ended by the server before their dialect was known.',
  },
  connections_open: {
    type: 'gauge',
    unit: 'connections',
    labels: ['transport'],
    help: 'Are open now.',
  },
  connections_opened: {
    type: 'counter',
    unit: 'connections',
    labels: ['transport'],
    help: 'Were accepted.',
  },
  connections_unauthenticated: {
    type: 'gauge',
    unit: 'connections',
    labels: [],
    help: 'Have no session yet.',
  },
  feed_entries_failed: {
    type: 'counter',
    unit: 'publications',
    labels: [],
    help: "A store's feed brought them and they could not be taken: their readers find a gap.",
  },
  forwards: {
    type: 'counter',
    unit: 'requests',
    labels: ['outcome'],
    help: 'Forwards to HTTP back ends: `answered`, `refused`, `failed`, `timeout`, `busy` or `cancelled`.',
  },
  http_bodies_left: {
    type: 'counter',
    unit: 'requests',
    labels: [],
    help: 'HTTP requests whose chunked body was left unread, since they may not publish.',
  },
  http_publishes: { type: 'counter', unit: 'messages', labels: [], help: 'Taken by the HTTP API.' },
  limit_reached: {
    type: 'counter',
    unit: 'times',
    labels: ['limit'],
    help: 'A limit has refused, delayed or ended something; the label is its name.',
  },
  log_failures: {
    type: 'counter',
    unit: 'lines',
    labels: [],
    help: 'The logger of the application threw, or rejected.',
  },
  log_lines_dropped: {
    type: 'counter',
    unit: 'lines',
    labels: [],
    help: 'Dropped, because nobody takes what is written to the output.',
  },
  log_lines_suppressed: {
    type: 'counter',
    unit: 'lines',
    labels: [],
    help: 'Left out, because too many of their kind came in a second.',
  },
  publications_appended: {
    type: 'counter',
    unit: 'publications',
    labels: [],
    help: 'Taken by a store.',
  },
  readers_failed: {
    type: 'counter',
    unit: 'times',
    labels: [],
    help: 'A reader of a stream failed while it was told of news; the others were told.',
  },
  recoveries: {
    type: 'counter',
    unit: 'subscriptions',
    labels: ['recovered'],
    help: 'Came back with a cursor; `true` where nothing is missing.',
  },
  request_errors: {
    type: 'counter',
    unit: 'operations',
    labels: ['number'],
    help: 'Answered with an error, by its number.',
  },
  retained_bytes: {
    type: 'gauge',
    unit: 'octets',
    labels: [],
    help: 'All that is kept beyond a turn, as `maxRetainedBytes` counts it; in steps.',
  },
  retained_evicted_bytes: {
    type: 'counter',
    unit: 'octets',
    labels: ['stage'],
    help: 'Let go of to make room: `lingering`, `history`, `followed-history` or `followed-ring`.',
  },
  retained_evictions: {
    type: 'counter',
    unit: 'times',
    labels: ['stage'],
    help: 'Something was let go of to make room, by the same stages.',
  },
  sessions_disconnected: {
    type: 'counter',
    unit: 'sessions',
    labels: ['code'],
    help: 'Ended by the server, by the code that the client was told.',
  },
  sessions_ended: {
    type: 'counter',
    unit: 'sessions',
    labels: [],
    help: 'Have ended, whoever ended them.',
  },
  sessions_started: { type: 'counter', unit: 'sessions', labels: [], help: 'Have begun.' },
  store_faults: {
    type: 'counter',
    unit: 'times',
    labels: ['operation'],
    help: 'A stream store failed: `read` or `unfollow`.',
  },
  stream_gaps: {
    type: 'counter',
    unit: 'gaps',
    labels: [],
    help: 'Publications that the feed of a store has lost.',
  },
  stream_gaps_repaired: {
    type: 'counter',
    unit: 'gaps',
    labels: [],
    help: 'Mended from the history: no reader has missed anything.',
  },
  streams_interrupted: {
    type: 'counter',
    unit: 'streams',
    labels: [],
    help: 'Readers were sent back, because something was lost for good.',
  },
  streams_not_followed: {
    type: 'counter',
    unit: 'streams',
    labels: [],
    help: 'Read by a pattern, though the store failed to follow them.',
  },
  websocket_handshakes_refused: {
    type: 'counter',
    unit: 'connections',
    labels: ['code'],
    help: 'Opening handshakes that were refused, by HTTP status.',
  },
  websocket_violations: {
    type: 'counter',
    unit: 'connections',
    labels: ['code'],
    help: 'Ended for breaking the protocol, or a limit of the engine.',
  },
  work_dead_letters: {
    type: 'counter',
    unit: 'messages',
    labels: ['reason'],
    help: 'Moved to the dead letters of their queue, by the last reason.',
  },
  work_dead_letters_refused: {
    type: 'counter',
    unit: 'messages',
    labels: [],
    help: 'Could not be moved there: they wait, and are offered again.',
  },
  work_dropped: {
    type: 'counter',
    unit: 'messages',
    labels: ['reason'],
    help: 'Delivered too often, and dropped for want of dead letters.',
  },
  work_returned: {
    type: 'counter',
    unit: 'messages',
    labels: ['reason'],
    help: 'Back in their queue: `rejected`, `timed-out` or `ended`.',
  },
} as const;

export type MetricName = keyof typeof METRICS;

/** Names of one type. */
type NamesOf<T extends MetricDescription['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];

export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
