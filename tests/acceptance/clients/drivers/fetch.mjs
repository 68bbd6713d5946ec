// The fetch that Node carries.
const { BASE, KEY, QUERY, BOOKING, OTHER_BOOKING } = process.env;

async function step(name, path, version, options = {}) {
  const headers = { authorization: `Bearer ${KEY}`, 'cal-api-version': version, ...options.headers };
  const answer = await fetch(BASE + path, { ...options, headers });
  const body = Buffer.from(await answer.arrayBuffer()).toString('base64');
  console.log([name, answer.status, answer.headers.get('cache-status') ?? '', body].join('\t'));
}

const json = { 'content-type': 'application/json' };
const stream = new Blob([OTHER_BOOKING]).stream();
await step('look', `/v2/slots?${QUERY}`, '2024-09-04');
await step('again', `/v2/slots?${QUERY}`, '2024-09-04');
await step('book', '/v2/bookings', '2024-08-13', { method: 'POST', headers: json, body: BOOKING });
await step('after', `/v2/slots?${QUERY}`, '2024-09-04');
await step('missing', '/v2/bookings/nothing', '2024-08-13');
await step('chunked', '/v2/bookings', '2024-08-13', { method: 'POST', headers: json, body: stream, duplex: 'half' });
await step('gzip', '/v2/event-types', '2024-06-14', { headers: { 'accept-encoding': 'gzip' } });
