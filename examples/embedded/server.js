// A program with an HTTP server of its own, and Tideway on it: a topic, and a mapping that answers and publishes.
import { createServer as createHttpServer } from 'node:http';
import { createServer, RequestError } from 'tideway';

let orderCount = 0;

// Tideway takes the WebSocket upgrades at /ws; every other request stays yours.
const http = createHttpServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(`${orderCount} orders so far\n`);
});
const tideway = createServer({ server: http, topics: { '/topic/orders': { historySize: 100 } } });

// A request to /app/orders is answered with the order's number, and everybody at /topic/orders hears of it.
tideway.app.map('/orders', { operations: 'request' }, async ({ body, send }) => {
  if (typeof body?.item !== 'string') {
    throw new RequestError('orders/no-item', 'an order names its item: {"item": "tea"}');
  }
  orderCount += 1;
  await send('/topic/orders', { number: orderCount, item: body.item });
  return { number: orderCount };
});

http.listen(Number(process.env.PORT ?? 8081), 'localhost', () => {
  console.log(`orders are taken at ${tideway.url}`);
});

process.once('SIGTERM', () => {
  void tideway.close().then(() => http.close());
});
