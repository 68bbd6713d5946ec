-- Resolve a write: whatever it may have changed is gone from the cache when this returns.
-- KEYS: generation, bumps, jobs, stamps, overlays, told, story, doubt, writes
-- ARGV: write id, ms a generation is remembered, doubt ms (0: the outcome is known), overlay, why, fields ...
-- Returns the new generation.
local now = now_ms()
local generation = bump(now, 1, ARGV[2], fields_from(6), ARGV[1], ARGV[4], ARGV[5])
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[8], now + ARGV[3], 'PX', ARGV[3])
end
redis.call('ZREM', KEYS[9], ARGV[1])
return generation
