import { WebSocketProvider } from 'ethers';
import { checkEngine, echoServer, finish } from './common.mjs';

checkEngine('ethers');
const results = { eth_chainId: '0x1', eth_blockNumber: '0x2a' };
const answer = (text) => {
  const { id, method } = JSON.parse(text);
  return JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? null });
};
const { url } = await echoServer(answer);
finish(await new WebSocketProvider(url).getBlockNumber(), 42);
