-- Say that a write is on its way, or still is.
-- KEYS: writes
-- ARGV: write id, lease ms, 'begin' or 'renew'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == 'begin' then
  return redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
end
-- Only if it is still there: a write that was resolved must not come back.
return redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
