-- Run on every new connection: a server that restarted may have lost the last generations.
-- KEYS: epoch, generation, bumps, jobs, stamps
-- ARGV: run id of this server, hold-off ms
-- Returns 1 when everything cached was made unservable.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return 0
end
-- More than one step: increments that were lost must not be counted again into the same numbers.
bump(now_ms(), 1000000, ARGV[2], {'*'}, KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('SET', KEYS[1], ARGV[1])
return 1
