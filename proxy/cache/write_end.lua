-- Resolve a write: whatever it may have changed is gone from the cache when this returns.
-- KEYS: generation, bumps, doubt, writes, jobs, stamps
-- ARGV: write id, hold-off ms, doubt ms (0: the outcome is known), fields ...
-- Returns the new generation.
local now = now_ms()
local generation = bump(now, 1, ARGV[2], fields_from(4), KEYS[1], KEYS[2], KEYS[5], KEYS[6])
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[3], now + ARGV[3], 'PX', ARGV[3])
end
redis.call('ZREM', KEYS[4], ARGV[1])
return generation
