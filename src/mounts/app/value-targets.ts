/** Owns where the value of a handler goes: destinations with variables, for everybody or for the sender's user. */
import { RequestError } from '../../foundation/index.js';
import { destinationFault, quoted, type Captures } from '../../message/index.js';
import { ERRORS_DESTINATION } from '../../routing/index.js';
import type { ExceptionOptions, ValueOptions } from './handler.js';

/** A destination, or one that its variables complete; `undefined` stands for the default prefix and the path. */
type Template = string | undefined;

export interface ValueTargets {
  readonly topics: readonly Template[];
  readonly users: readonly Template[];
  /** Whether a user's destination reaches all of the user's sessions. */
  readonly isBroadcast: boolean;
  readonly excludesSender: boolean;
  /** Whether the application said where: then a subscriber's answer goes there too. */
  readonly isExplicit: boolean;
}

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The session alone that sent the message. */
export const ERROR_TARGETS: ValueTargets = {
  topics: [],
  users: [ERRORS_DESTINATION],
  isBroadcast: false,
  excludesSender: false,
  isExplicit: true,
};

/** Throws a RequestError `destination/invalid` for what is no destination, or names a variable that is not among `names`. */
export function valueTargets(options: ValueOptions, names: readonly string[]): ValueTargets {
  const { sendTo, sendToUser, broadcast = true, excludeSender = false } = options;
  const isExplicit = sendTo !== undefined || sendToUser !== undefined;
  const topics = isExplicit ? listOf(sendTo) : [undefined];
  const users = sendToUser === true ? [undefined] : listOf(sendToUser);
  for (const template of [...topics, ...users]) checkTemplate(template, names);
  return { topics, users, isBroadcast: broadcast, excludesSender: excludeSender, isExplicit };
}

/** As of a mapping, but for the default. */
export function exceptionTargets(options: ExceptionOptions): ValueTargets {
  const { sendTo, sendToUser, broadcast } = options;
  if (sendTo === undefined && sendToUser === undefined) {
    return { ...ERROR_TARGETS, isBroadcast: broadcast ?? false };
  }
  // Which mapping's variables there will be is not known yet: a name without a value is found when it is completed.
  return valueTargets(options, namesIn([...listOf(sendTo), ...listOf(sendToUser)]));
}

/** The destination that a template stands for. Throws a RequestError `destination/invalid` where a variable has no value. */
export function completed(template: string, variables: Captures): string {
  if (!template.includes('{')) return template;
  return template.replace(PLACEHOLDER, (placeholder, name: string) => {
    const value = variables.get(name);
    if (value !== undefined) return value;
    throw new RequestError(
      'destination/invalid',
      `${quoted(template)}: no ${placeholder} is known`,
    );
  });
}

function listOf(given: string | readonly string[] | true | undefined): readonly string[] {
  if (given === undefined || given === true) return [];
  return typeof given === 'string' ? [given] : given;
}

function namesIn(templates: readonly string[]): string[] {
  return templates.flatMap((template) =>
    Array.from(template.matchAll(PLACEHOLDER), ([, name = '']) => name),
  );
}

function checkTemplate(template: Template, names: readonly string[]): void {
  if (template === undefined) return;
  const unknown = namesIn([template]).find((name) => !names.includes(name));
  const fault =
    unknown === undefined
      ? destinationFault(template.replace(PLACEHOLDER, 'x'))
      : `the pattern has no {${unknown}}`;
  if (fault === undefined) return;
  throw new RequestError('destination/invalid', `${quoted(template)} is no destination: ${fault}`);
}
