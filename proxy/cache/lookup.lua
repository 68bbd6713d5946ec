-- Look one entry up, and notice writes whose gateway process died.
-- KEYS: generation, bumps, doubt, writes, jobs, stamps, entry
-- ARGV: hold-off ms, doubt ms, fields ...
-- Returns {now ms, newest generation that concerns it, hit?, body, headers, stored ms, fresh-until ms}; without an
-- entry only two.
local now = now_ms()

-- A lease that ran out belonged to a process that is gone. Whether its write landed nobody knows, so it
-- counts as landed now, and may still land until the doubt has passed.
local lost = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 100)
if #lost > 0 then
  bump(now, 1, ARGV[1], {'*'}, KEYS[1], KEYS[2], KEYS[5], KEYS[6])
  redis.call('SET', KEYS[3], now + ARGV[2], 'PX', ARGV[2])
  redis.call('ZREM', KEYS[4], unpack(lost))
end

local fields = fields_from(3)
local generation = newest(KEYS[6], fields)
local entry = redis.call('HMGET', KEYS[7], 'gen', 'body', 'headers', 'stored', 'fresh', 'fields')
if not entry[1] then
  return {now, generation}
end
-- What was known of it when it was stored may be less than is known now: then more concerns it.
local stored_fields = {}
for field in string.gmatch(entry[6] or '*,?', '[^,]+') do
  stored_fields[#stored_fields + 1] = field
end
local valid = 0
if tonumber(entry[1]) >= math.max(generation, newest(KEYS[6], stored_fields)) and tonumber(entry[5]) > now then
  valid = 1
end
return {now, generation, valid, entry[2], entry[3], tonumber(entry[4]), tonumber(entry[5])}
