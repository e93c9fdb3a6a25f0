/** Owns the sum of octets that the streams of a node keep, added to where they come and go so that asking for it costs nothing. */

/** What all rings, kept encodings, places of readers and waiting appends cost together. */
export class RetainedTally {
  totalBytes: number = 0;
  /** The part of it that is kept for readers who may come back. */
  lingeringBytes: number = 0;
}
