/** Owns the error that the constructor of a WebSocket throws: a SyntaxError for users of `ws`, with the marks of a DOMException. */

/** The legacy code of a DOMException named "SyntaxError" (WebIDL, "DOMException names"). */
const SYNTAX_ERROR_CODE = 12;

/** An address or subprotocols that cannot be used. */
export class AddressError extends SyntaxError {
  readonly code: number = SYNTAX_ERROR_CODE;

  static {
    // `ws` throws a SyntaxError, the WHATWG standard a DOMException; whoever looks at `name`, `code` or
    // `constructor` finds what the standard says.
    Object.defineProperty(this.prototype, 'constructor', { value: DOMException });
  }
}
