-- Resolve a write: whatever it may have changed is gone from the cache when this returns.
-- KEYS: generation, hold, doubt, writes, jobs
-- ARGV: write id, hold-off ms, doubt ms (0: the outcome is known)
-- Returns the new generation.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREM', KEYS[4], ARGV[1])
local generation = redis.call('INCR', KEYS[1])
-- Later writes only ever hold longer: Redis time does not run back, the hold-off is one number.
redis.call('SET', KEYS[2], now + ARGV[2], 'PX', ARGV[2])
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[3], now + ARGV[3], 'PX', ARGV[3])
end
redis.call('XADD', KEYS[5], '*', 'kind', 'clean', 'gen', generation, 'at', now)
return generation
