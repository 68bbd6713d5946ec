-- All that is known of which event types' ranges may be shared.
-- KEYS: shapes
-- Returns {now in ms, event type, JSON, event type, JSON ...}
local time = redis.call('TIME')
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, time[1] * 1000 + math.floor(time[2] / 1000))
return reply
