-- Run on every new connection: a server that restarted may have lost the last generations.
-- KEYS: generation, bumps, jobs, stamps, overlays, told, story, epoch, near
-- ARGV: run id of this server, ms a generation is remembered, ms for which copies of before may still be used
-- Returns 1 when everything cached was made unservable.
if redis.call('GET', KEYS[8]) == ARGV[1] then
  return 0
end
-- More than one step: increments that were lost must not be counted again into the same numbers.
bump(now_ms(), 1000000, ARGV[2], {'*'}, '-', '', '{"cause":"Redis restarted, or is another one"}')
-- Whoever showed copies of before because there was no Redis may not have noticed this one yet.
redis.call('SET', KEYS[9], 1, 'PX', ARGV[3])
redis.call('SET', KEYS[8], ARGV[1])
return 1
