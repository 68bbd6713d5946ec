-- Charge one call to a client's share: a sliding log on Redis' clock, shared by all processes.
-- KEYS: log, limits
-- ARGV: percent that is its share, calls of the whole, window ms (guard included), bucket digest,
--       percent of the share kept from this class, unique id
-- Returns {charged?, ms to wait, calls that are its share, now}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Where Cal.com allows less than was configured, a share is a part of that (permit.lua).
local limit = math.min(tonumber(ARGV[2]), tonumber(redis.call('HGET', KEYS[2], ARGV[4]) or ARGV[2]))
local share = math.max(1, math.floor(limit * ARGV[1] / 100))
-- Rounded up: a client that looks too much can still book with the last of its calls, if it has two.
local cap = share - math.min(share - 1, math.ceil(share * ARGV[5] / 100))

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
local used = redis.call('ZCARD', KEYS[1])
if used >= cap then
  local oldest = redis.call('ZRANGE', KEYS[1], used - cap, used - cap, 'WITHSCORES')
  return {0, math.ceil(oldest[2] + ARGV[3] - now + 1), share, now}
end
redis.call('ZADD', KEYS[1], now, ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {1, 0, share, now}
