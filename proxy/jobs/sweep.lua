-- Deletes one batch of entries whose time is over. Redis lets the entries themselves go; the two sets that list
-- them would grow for ever. KEYS: index, expiry. ARGV: how many at most. Returns how many went.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local dead = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[1])
if #dead > 0 then
  redis.call('UNLINK', unpack(dead))
  redis.call('ZREM', KEYS[1], unpack(dead))
  redis.call('ZREM', KEYS[2], unpack(dead))
end
return #dead
