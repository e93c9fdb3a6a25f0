/** Owns the subscriptions of one session that the server is opening: one opening of a name at a time, and none that waits for itself. */

interface Opening {
  readonly settled: Promise<void>;
  /** Names of the openings that its own handler waits for. */
  readonly waitsFor: Set<string>;
}

export class ServerOpenings {
  readonly #openings = new Map<string, Opening>();

  /**
   * Runs `open`, or waits for the opening of that name that is under way. `within` is the name of the opening whose handler asks:
   * where the one it asks for waits for that handler, nothing is waited for, since it is being opened already.
   */
  async run(name: string, open: () => Promise<void>, within: string | undefined): Promise<void> {
    const asker = within === undefined ? undefined : this.#openings.get(within);
    if (within !== undefined && this.#waits(name, within)) return;
    // Known before it begins: its handler may ask for the asker's at once.
    asker?.waitsFor.add(name);
    try {
      await (this.#openings.get(name) ?? this.#begin(name, open)).settled;
    } finally {
      asker?.waitsFor.delete(name);
    }
  }

  #begin(name: string, open: () => Promise<void>): Opening {
    let settle!: (opened: Promise<void>) => void;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const opening: Opening = { settled, waitsFor: new Set() };
    // Entered before it begins: its handler may ask at once.
    this.#openings.set(name, opening);
    settle(open().finally(() => this.#openings.delete(name)));
    return opening;
  }

  /** Whether the opening of `name` waits for that of `other`, by whatever way, or is that one. */
  #waits(name: string, other: string, seen: Set<string> = new Set()): boolean {
    if (name === other) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    for (const next of this.#openings.get(name)?.waitsFor ?? []) {
      if (this.#waits(next, other, seen)) return true;
    }
    return false;
  }
}
