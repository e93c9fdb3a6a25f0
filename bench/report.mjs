// What came out, as tables: the gates first, then the figures behind them.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The medians of the rounds of one peer. */
export function summaryOf(rounds) {
  const names = Object.keys(rounds[0]);
  const summary = Object.fromEntries(
    names.map((name) => [name, median(rounds.map((round) => round[name]))]),
  );
  const costs = rounds.map(({ cost }) => cost);
  return { ...summary, spread: (Math.max(...costs) - Math.min(...costs)) / summary.cost };
}

/** Each gate of a case: what was asked for, what came out, and whether it passes; `undefined` when it was not measured. */
export function judge(case_, summaries) {
  const ours = summaries[case_.ours]?.cost;
  return case_.gates.map((gate) => {
    const theirs = summaries[gate.against]?.cost;
    const isMeasured = ours !== undefined && theirs !== undefined;
    if (gate.mostMore !== undefined) {
      const more = ours - theirs;
      const passes = isMeasured ? more <= gate.mostMore : undefined;
      return { gate, asked: `+ ${gate.mostMore} B`, found: `+ ${Math.round(more)} B`, passes };
    }
    const ratio = ours / theirs;
    const passes = isMeasured ? ratio <= gate.most : undefined;
    return { gate, asked: asFactor(gate.most), found: asFactor(ratio), passes };
  });
}

/** Below one as a fraction, because that is how the gates are written. */
function asFactor(ratio) {
  return ratio < 0.95 ? `1/${Number((1 / ratio).toFixed(2))}` : `${ratio.toFixed(2)} ×`;
}

const VERDICTS = new Map([
  [true, 'pass'],
  [false, 'miss'],
  [undefined, 'not measured'],
]);

function row(cells) {
  return `| ${cells.join(' | ')} |`;
}

function table(head, rows) {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** The table of the gates, in Markdown. */
export function gateTable(results, peers) {
  const rows = results.flatMap(({ case_, summaries }) =>
    judge(case_, summaries).map(({ gate, asked, found, passes }) => [
      case_.title,
      peers[gate.against].label,
      `at most ${asked}`,
      passes === undefined ? '' : found,
      VERDICTS.get(passes),
    ]),
  );
  return table(['what', 'against', 'gate', 'measured', ''], rows);
}

/** The figures of every peer, in Markdown. */
export function figureTable(results, peers) {
  const rows = results.flatMap(({ case_, summaries, problems }) =>
    case_.peers.map((peer) => {
      const { label } = peers[peer];
      const found = summaries[peer];
      if (found === undefined) return [case_.title, label, problems[peer] ?? '', '', '', '', ''];
      return [case_.title, label, ...figuresOf(case_, found)];
    }),
  );
  return table(['what', 'server', 'cost', 'per second', 'p99', 'load busy', 'spread'], rows);
}

function figuresOf(case_, found) {
  const spread = `${(found.spread * 100).toFixed(0)} %`;
  if (case_.kind === 'memory') {
    const heap = `${(found.heapBytes / 1024).toFixed(1)} KiB of it JavaScript`;
    return [`${(found.cost / 1024).toFixed(1)} KiB`, heap, '', '', spread];
  }
  return [
    `${found.cost.toFixed(found.cost < 10 ? 2 : 1)} µs`,
    Math.round(found.messagesPerSecond).toLocaleString('en'),
    // What a busy load process waits for is itself.
    found.clientCpuShare > 0.9 ? '–' : `${found.p99Ms.toFixed(2)} ms`,
    `${(found.clientCpuShare * 100).toFixed(0)} %`,
    spread,
  ];
}

/** The short table of the README: each case once, CPU time relative to ours. */
export function readmeTable(results) {
  const columns = [
    ['`ws`', ['ws']],
    ['Bun', ['bun']],
    ['uWebSockets.js', ['uws']],
    ['bare sockets', ['floor', 'floor-fan-out', 'net-socket']],
    ['Socket.IO', ['socket-io']],
    ['RabbitMQ', ['rabbitmq']],
  ];
  const rows = results.map(({ case_, summaries }) => {
    const ours = summaries[case_.ours]?.cost;
    const relative = ([, peers]) => {
      const cost = peers.map((peer) => summaries[peer]?.cost).find((found) => found !== undefined);
      return cost === undefined || ours === undefined ? '' : `${(cost / ours).toFixed(2)} ×`;
    };
    return [case_.title, ...columns.map(relative)];
  });
  return table(['server CPU time, Tideway = 1', ...columns.map(([label]) => label)], rows);
}
