-- Run on every new connection: a server that restarted may have lost the last generations.
-- KEYS: epoch, generation, hold, doubt, writes, jobs
-- ARGV: run id of this server, hold-off ms
-- Returns 1 when everything cached was made unservable.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[1])
-- More than one step: increments that were lost must not be counted again into the same numbers.
local generation = redis.call('INCRBY', KEYS[2], 1000000)
redis.call('SET', KEYS[3], now + ARGV[2], 'PX', ARGV[2])
redis.call('XADD', KEYS[6], '*', 'kind', 'clean', 'gen', generation, 'at', now)
return 1
