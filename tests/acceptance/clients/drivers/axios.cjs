// axios, with a connection that is kept.
const { createRequire } = require('node:module');
const { Agent } = require('node:http');
const { Readable } = require('node:stream');
const axios = createRequire(`${process.env.MODULES}/`)('axios');
const { BASE, KEY, QUERY, BOOKING, OTHER_BOOKING } = process.env;

const client = axios.create({
  baseURL: BASE,
  headers: { authorization: `Bearer ${KEY}` },
  httpAgent: new Agent({ keepAlive: true }),
  responseType: 'arraybuffer',
  validateStatus: () => true,
});

async function step(name, url, version, options = {}) {
  const headers = { 'cal-api-version': version, ...options.headers };
  const answer = await client.request({ url, ...options, headers });
  const body = Buffer.from(answer.data).toString('base64');
  console.log([name, answer.status, answer.headers['cache-status'] ?? '', body].join('\t'));
}

(async () => {
  const json = { 'content-type': 'application/json' };
  const stream = Readable.from([OTHER_BOOKING]);
  await step('look', `/v2/slots?${QUERY}`, '2024-09-04');
  await step('again', `/v2/slots?${QUERY}`, '2024-09-04');
  await step('book', '/v2/bookings', '2024-08-13', { method: 'POST', headers: json, data: BOOKING });
  await step('after', `/v2/slots?${QUERY}`, '2024-09-04');
  await step('missing', '/v2/bookings/nothing', '2024-08-13');
  await step('chunked', '/v2/bookings', '2024-08-13', { method: 'POST', headers: json, data: stream });
  await step('gzip', '/v2/event-types', '2024-06-14', { headers: { 'accept-encoding': 'gzip' } });
  client.defaults.httpAgent.destroy();
})();
