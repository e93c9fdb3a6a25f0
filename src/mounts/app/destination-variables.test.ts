/** Proves that variables are properties and a map at once, whatever they are called. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destinationVariables } from './destination-variables.js';

test('variables are properties and entries, and a name of the map itself is a name like any other', () => {
  const given = new Map([
    ['id', '7'],
    ['get', 'g'],
    ['size', 's'],
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ]);
  const variables = destinationVariables(given);
  assert.deepEqual(Object.entries(variables), [...given]);
  assert.deepEqual([...variables], [...given]);
  assert.equal(Object.getPrototypeOf(variables), Map.prototype);
  const one = destinationVariables(new Map([['id', '7']]));
  assert.deepEqual([one.get('id'), one.get('other'), one.size], ['7', undefined, 1]);
});
