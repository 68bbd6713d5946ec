-- One process at a time: take the lease, or renew it.
-- KEYS: lease
-- ARGV: token, ms
-- Returns 1 when the lease is ours.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
