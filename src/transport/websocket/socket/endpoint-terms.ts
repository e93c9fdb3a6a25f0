/** Owns what all endpoints of one server or client have in common, and the parser that they lend each other. */
import { isUtf8 } from 'node:buffer';
import { FrameParser, type FrameSink, type Role } from '../../../protocol/websocket/index.js';
import type { EngineLoop, MaskSource } from './engine-loop.js';
import type { ConnectionLimits } from '../limits/limits.js';
import { allocateExact } from './own-octets.js';

/** What most endpoints do without. */
export interface EndpointExtras {
  /** False: text and close reasons are not checked to be UTF-8 (RFC 6455 §8.1). */
  readonly checksUtf8?: boolean;
  /** Masking keys of a client's own; by default those of the loop. */
  readonly masks?: MaskSource | undefined;
}

/** Made once for a server: each endpoint holds one reference instead of all this. */
export class EndpointTerms {
  readonly role: Role;
  readonly loop: EngineLoop;
  readonly limits: ConnectionLimits;
  readonly checksUtf8: boolean;
  readonly masks: MaskSource;
  /** Between two messages a parser knows nothing of its connection, and nearly all connections are there. */
  #plainParser: FrameParser | undefined = undefined;
  #compressedParser: FrameParser | undefined = undefined;

  constructor(
    role: Role,
    loop: EngineLoop,
    limits: ConnectionLimits,
    { checksUtf8 = true, masks = loop.masks }: EndpointExtras = {},
  ) {
    this.role = role;
    this.loop = loop;
    this.limits = limits;
    this.checksUtf8 = checksUtf8;
    this.masks = masks;
  }

  /** A parser that is the sink's alone until `leaveParser`; messages are counted from `messageCount` on. */
  takeParser(sink: FrameSink, acceptsCompressed: boolean, messageCount: number): FrameParser {
    const idle = acceptsCompressed ? this.#compressedParser : this.#plainParser;
    if (acceptsCompressed) this.#compressedParser = undefined;
    else this.#plainParser = undefined;
    const parser = idle ?? this.#newParser(sink, acceptsCompressed);
    parser.serve(sink);
    parser.messageCount = messageCount;
    return parser;
  }

  /** Takes back a parser that `isIdle`. */
  leaveParser(parser: FrameParser, acceptsCompressed: boolean): void {
    parser.serve(NOBODY);
    if (acceptsCompressed) this.#compressedParser = parser;
    else this.#plainParser = parser;
  }

  #newParser(sink: FrameSink, acceptsCompressed: boolean): FrameParser {
    const { role, loop, limits, checksUtf8 } = this;
    return new FrameParser(sink, {
      role,
      maxMessageBytes: limits.maxMessageBytes,
      maxFragmentCount: limits.maxFragmentCount,
      acceptsCompressed,
      allocate: allocateExact,
      isUtf8,
      checksUtf8,
      masker: loop.masker,
    });
  }
}

/** The sink of a parser between two connections, so that it keeps none of them alive. */
const NOBODY: FrameSink = {
  onText: ignore,
  onBinary: ignore,
  onPing: ignore,
  onPong: ignore,
  onClose: ignore,
  onViolation: ignore,
};

function ignore(): void {}
