-- A turn is over. What it made is remembered for those who asked meanwhile.
-- KEYS: turns, leases
-- ARGV: token, what it made ('': nothing that is certain), ms that is remembered
local own = redis.call('HGET', KEYS[1], ARGV[1])
if not own then
  return 0
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = redis.call('HINCRBY', KEYS[1], '#', 1)
local first, names = string.match(own, '^(%d+ %-?%d+ %-?%d+) 0 %-( .*)$')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s %d %s%s', first, over, ARGV[2], names))
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return 1
