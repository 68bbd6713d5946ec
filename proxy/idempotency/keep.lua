-- Keep an attempt alive; with `leaves`, what an earlier one may have done is known, and this one leaves now.
-- KEYS: record
-- ARGV: token, lease ms, leaves (1 or 0)
-- Returns 1, or 0 when the record is somebody else's by now.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'lease', now + ARGV[2])
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'left', now)
end
return 1
