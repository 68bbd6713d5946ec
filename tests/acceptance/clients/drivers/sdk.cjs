// The published @calcom/sdk: no version header, public slots without a credential, its own retries.
const { createRequire } = require('node:module');
const { Cal } = createRequire(`${process.env.MODULES}/`)('@calcom/sdk');
const { BASE, KEY, EVENT_TYPE, START, END, SLOT } = process.env;

const sdk = new Cal('no-client', { accessToken: KEY }, { baseUrl: `${BASE}/` });

async function step(name, call) {
  let status = 200;
  let value;
  try {
    value = await call();
  } catch (error) {
    status = error.statusCode ?? 0;
    value = { error: error.message };
  }
  const body = Buffer.from(JSON.stringify(value ?? null)).toString('base64');
  console.log([name, status, '', body].join('\t'));
  return value;
}

(async () => {
  const id = Number(EVENT_TYPE);
  const range = { startTime: START, endTime: END, eventTypeId: id };
  await step('look', () => sdk.slots.getAvailableSlots(range));
  await step('again', () => sdk.slots.getAvailableSlots(range));
  const wanted = { eventTypeId: id, slotUtcStartDate: SLOT, slotUtcEndDate: SLOT };
  await step('hold', async () => typeof (await sdk.slots.reserveSlot(wanted)));
  await step('after', () => sdk.slots.getAvailableSlots(range));
  // Its path for letting go is one that Cal.com does not have.
  await step('let go', () => sdk.slots.removeSelectedSlot({ uid: 'x' }));
  await step('type', () => sdk.eventTypes.getEventType({ id }));
  await step('no type', () => sdk.eventTypes.getEventType({ id: 999999 }));
  await step('schedules', () => sdk.schedules.getSchedules());
  const main = await step('default', () => sdk.schedules.getDefaultSchedule());
  await step('by id', () => sdk.schedules.getScheduleById({ id: main.id }));
  await step('no schedule', () => sdk.schedules.getScheduleById({ id: 999999 }));
})();
