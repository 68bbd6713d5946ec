-- Say that a write is on its way, still is, or is over and changed nothing.
-- KEYS: writes, told, near, epoch
-- ARGV: write id, lease ms, 'begin', 'renew' or 'over', fields it may touch (with commas between)
-- Returns the epoch of this server if some process may hold answers of its own, else nil.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == 'begin' then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  redis.call('PUBLISH', KEYS[2], 'w ' .. ARGV[1] .. ' ' .. ARGV[4])
elseif ARGV[3] == 'renew' then
  -- Only if it is still there: a write that was resolved must not come back.
  redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('PUBLISH', KEYS[2], 'e ' .. ARGV[1])
end
return redis.call('EXISTS', KEYS[3]) == 1 and (redis.call('GET', KEYS[4]) or '-')
