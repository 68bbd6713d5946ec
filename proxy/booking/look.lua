-- Say that one goes on waiting or working, and look whether the one that is waited for is still at it.
-- KEYS: turns, leases
-- ARGV: token, lease ms, token of the other ('' for none)
-- Returns 1 while it is, and 0 when it is time to ask again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local had = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not had then
  return 0
end
if tonumber(had) < now + ARGV[2] then
  redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
end
local other = redis.call('ZSCORE', KEYS[2], ARGV[3])
if not other or tonumber(other) <= now then
  return 0
end
local text = redis.call('HGET', KEYS[1], ARGV[3])
return text and string.match(text, '^%d+ %-?%d+ %-?%d+ 0 ') and 1 or 0
