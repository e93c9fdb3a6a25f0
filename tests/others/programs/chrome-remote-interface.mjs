import cdp from 'chrome-remote-interface';
import { checkEngine, echoServer, finish } from './common.mjs';

checkEngine('chrome-remote-interface');
const answer = (text) => {
  const { id } = JSON.parse(text);
  return JSON.stringify({ id, result: { product: 'a browser' } });
};
const { url } = await echoServer(answer);
const client = await cdp({ target: url, local: true });
finish((await client.Browser.getVersion()).product, 'a browser');
