-- Remember that a credential is blocked; a later end wins.
-- KEYS: blocked
-- ARGV: ms the block lasts from now
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
if ends > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], ends, 'PX', ARGV[1])
end
return ends
