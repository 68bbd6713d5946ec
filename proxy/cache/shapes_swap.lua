-- Put down what is known of one event type, unless somebody else did meanwhile.
-- KEYS: shapes
-- ARGV: event type, JSON that it was thought to have ('': none), its new JSON, ms that the hash is kept
-- Returns {1} when done, else {0, now in ms, the JSON it has}.
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] then
  local time = redis.call('TIME')
  return {0, time[1] * 1000 + math.floor(time[2] / 1000), found}
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1}
