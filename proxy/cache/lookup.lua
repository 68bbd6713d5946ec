-- Look one entry up, and notice writes whose gateway process died.
-- KEYS: generation, bumps, doubt, writes, jobs, entry
-- ARGV: hold-off ms, doubt ms
-- Returns {now ms, generation, hit?, body, headers, stored ms, fresh-until ms}; without an entry only two.
local now = now_ms()

-- A lease that ran out belonged to a process that is gone. Whether its write landed nobody knows, so it
-- counts as landed now, and may still land until the doubt has passed.
local lost = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 100)
if #lost > 0 then
  bump(now, 1, ARGV[1], KEYS[1], KEYS[2], KEYS[5])
  redis.call('SET', KEYS[3], now + ARGV[2], 'PX', ARGV[2])
  redis.call('ZREM', KEYS[4], unpack(lost))
end

local generation = tonumber(redis.call('GET', KEYS[1]) or '0')
local entry = redis.call('HMGET', KEYS[6], 'gen', 'body', 'headers', 'stored', 'fresh')
if not entry[1] then
  return {now, generation}
end
local valid = 0
if tonumber(entry[1]) == generation and tonumber(entry[5]) > now then
  valid = 1
end
return {now, generation, valid, entry[2], entry[3], tonumber(entry[4]), tonumber(entry[5])}
