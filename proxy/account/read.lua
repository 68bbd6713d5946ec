-- Look at the shared account map.
-- KEYS: map, changes under way, epoch
-- ARGV: version that is known already, ttl ms
-- Returns {version, version of the last forgetting, changes under way, facts, ids}; the last two are missing
-- when that version is known.
local time = redis.call('TIME')
local epoch = redis.call('GET', KEYS[3]) or ''
local held = redis.call('HMGET', KEYS[1], 'version', 'forgotten', 'epoch')
if not held[1] or held[3] ~= epoch then
  -- A server that restarted may have lost the last forgetting, and with it what must not be believed.
  held[1] = next_version(held[1], time)
  held[2] = held[1]
  redis.call('HSET', KEYS[1], 'version', held[1], 'forgotten', held[1], 'epoch', epoch)
  redis.call('HDEL', KEYS[1], 'facts')
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local changing = redis.call('ZCOUNT', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')
if held[1] == ARGV[1] then
  return {held[1], held[2], changing}
end
local told = redis.call('HMGET', KEYS[1], 'facts', 'ids')
return {held[1], held[2], changing, told[1] or '', told[2] or ''}
