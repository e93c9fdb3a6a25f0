/** Owns the form of a connection's table of listeners: with room for the usual events, a third of what an emitter makes itself. */

/** Node's own is a hash table, 200 octets for the first listener. Unused places are undefined, as in the tables of node:stream. */
class EventTable {
  readonly message: undefined = undefined;
  readonly close: undefined = undefined;
  readonly error: undefined = undefined;

  static {
    // An event may be called `toString` or `constructor`: nothing is inherited.
    Object.setPrototypeOf(this.prototype, null);
    Reflect.deleteProperty(this.prototype, 'constructor');
  }
}

/** For the constructor of an emitter that has no listeners yet. Its `eventNames` has to leave out names without listeners. */
export function setEventTable(emitter: object): void {
  (emitter as { _events?: object })._events = new EventTable();
}
