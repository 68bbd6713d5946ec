// The Cal.com trigger of n8n-nodes-base as published, driven as n8n drives it. What n8n itself does around a node,
// authentication and HTTP with axios, is done here.
const { createRequire } = require('node:module');
const { createServer } = require('node:http');
const { once } = require('node:events');
const load = createRequire(`${process.env.N8N}/`);
const axios = load('axios');
const { CalTrigger } = load('./dist/nodes/Cal/CalTrigger.node.js');
const { CalApi } = load('./dist/credentials/CalApi.credentials.js');
const { BASE, KEY, BOOKING } = process.env;

const credentials = { host: BASE, apiKey: KEY };
const filled = (text) => text.replace(/^=/, '').replace(/\{\{ \$credentials\.(\w+) \}\}/g, (_, name) => credentials[name]);
const api = new CalApi();
const node = new CalTrigger().nodeVersions[3];
const memory = {};
let address = '';
let delivery;

async function http({ baseURL, url, method, body, qs, headers }) {
  const own = Object.fromEntries(
    Object.entries(api.authenticate.properties.headers).map(([name, text]) => [name, filled(text)]),
  );
  const data = method === 'GET' || !Object.keys(body ?? {}).length ? undefined : body;
  return (await axios.request({ baseURL, url, method, data, params: qs, headers: { ...headers, ...own } })).data;
}

const self = {
  getCredentials: async () => credentials,
  getNode: () => ({ name: 'Cal.com Trigger', type: 'calTrigger' }),
  getNodeWebhookUrl: () => address,
  getWorkflowStaticData: () => memory,
  getNodeParameter: (name) => ({ events: ['BOOKING_CREATED', 'BOOKING_CANCELLED'], options: {} })[name],
  getRequestObject: () => ({
    rawBody: delivery.raw,
    body: JSON.parse(delivery.raw),
    header: (name) => delivery.headers[name],
  }),
  getResponseObject: () => ({ status: () => ({ send: () => ({ end: () => {} }) }) }),
  helpers: {
    httpRequestWithAuthentication: (_, options) => http(options),
    returnJsonArray: (item) => [{ json: item }],
  },
};

async function step(name, call) {
  let status = 200;
  let value;
  try {
    value = await call();
  } catch (error) {
    status = Number(error.httpCode ?? error.response?.status ?? 0);
    value = { error: error.message };
  }
  const body = Buffer.from(JSON.stringify(value ?? null)).toString('base64');
  console.log([name, status, '', body].join('\t'));
}

(async () => {
  const arrived = new Promise((resolve) => {
    const server = createServer(async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      response.end();
      server.close();
      resolve({ raw: Buffer.concat(pieces), headers: request.headers });
    });
    server.listen(0, '127.0.0.1', () => {
      address = `http://127.0.0.1:${server.address().port}/webhook`;
      server.emit('ready');
    });
    self.ready = once(server, 'ready');
  });
  await self.ready;
  const hooks = node.webhookMethods.default;
  const { baseURL, url } = api.test.request;
  await step('test', () => http({ baseURL: filled(baseURL), url: filled(url), method: 'GET' }));
  await step('types', () => node.methods.loadOptions.getEventTypes.call(self));
  await step('not there', () => hooks.checkExists.call(self));
  await step('make', () => hooks.create.call(self));
  await step('there', () => hooks.checkExists.call(self));
  const headers = { 'cal-api-version': '2024-08-13', authorization: `Bearer ${KEY}` };
  await step('book', async () => (await axios.post(`${BASE}/v2/bookings`, JSON.parse(BOOKING), { headers })).data);
  delivery = await arrived;
  await step('told', () => node.webhook.call(self));
  delivery.raw = Buffer.concat([delivery.raw, Buffer.from(' ')]);
  await step('told wrong', () => node.webhook.call(self));
  await step('drop', () => hooks.delete.call(self));
  await step('gone', () => hooks.checkExists.call(self));
  process.exit(0);
})();
