-- A turn goes on.
-- KEYS: leases
-- ARGV: token, lease ms
-- Returns 1, or 0 when the others no longer know of it.
local had = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not had then
  return 0
end
local time = redis.call('TIME')
local lease = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
if tonumber(had) < lease then
  redis.call('ZADD', KEYS[1], lease, ARGV[1])
end
return 1
