-- Keep a fetch announced, and keep leading it.
-- KEYS: fetches, filling
-- ARGV: token, generation it is good for, ms the announcement lasts ('0': there is none), lease ms ('0': none)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(ARGV[3]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. (now + ARGV[3]))
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  end
end
if tonumber(ARGV[4]) > 0 and redis.call('HGET', KEYS[2], 'token') == ARGV[1] then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return 1
