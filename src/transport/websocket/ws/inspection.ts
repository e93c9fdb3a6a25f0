/** Owns what `console.log` shows of the class WebSocket and of its instances: what tells them apart, without the tables behind them. */
import { inspect, type InspectOptionsStylized } from 'node:util';

/** What an emitter keeps of its own. */
const OF_EMITTERS: readonly string[] = ['_events', '_eventsCount', '_maxListeners', 'domain'];

/** An instance: what it says of itself, and what the application has set on it. */
export function inspectInstance(
  instance: object,
  said: Readonly<Record<string, unknown>>,
  depth: number,
  options: InspectOptionsStylized,
): string {
  const name = instance.constructor.name;
  if (depth < 0) return options.stylize(`[${name}]`, 'special');
  const own = Object.entries(instance).filter(([key]) => !OF_EMITTERS.includes(key));
  const deeper = typeof options.depth === 'number' ? options.depth - 1 : (options.depth ?? null);
  return `${name} ${inspect({ ...said, ...Object.fromEntries(own) }, { ...options, depth: deeper })}`;
}

/** As it would be shown without a word of ours. */
export function inspectPlainly(value: object, options: InspectOptionsStylized): string {
  return inspect(value, { ...options, customInspect: false });
}

/** The exports of the door stand on the class, tables of registries among them: for programs, not to be read in a log. */
export function inspectClass(
  Class: { readonly name: string },
  parent: { readonly name: string },
  options: InspectOptionsStylized,
): string {
  return options.stylize(`[class ${Class.name} extends ${parent.name}]`, 'special');
}
