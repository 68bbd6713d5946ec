-- Moves a job this consumer still owns to the delayed set. Without the check a worker that was thought dead
-- would put a second copy beside the one its successor is running.
-- KEYS: stream, delayed, retried. ARGV: group, consumer, id, origin, enqueued ms, delay ms, member.
-- Returns 1 when it was moved.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[6]), ARGV[7])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[4])
return 1
