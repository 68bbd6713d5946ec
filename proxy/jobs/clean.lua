-- Deletes one batch of entries of generations before ARGV[1]; no read may serve them any more.
-- Find and delete are one step, so an entry filled anew meanwhile (a newer generation in the index) stays.
-- KEYS: index, expiry. ARGV: generation, how many at most. Returns how many went.
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
if #dead > 0 then
  redis.call('UNLINK', unpack(dead))
  redis.call('ZREM', KEYS[1], unpack(dead))
  redis.call('ZREM', KEYS[2], unpack(dead))
end
return #dead
