-- Put a map that has learned something in place of the one it was made from.
-- KEYS: map, changes under way, epoch
-- ARGV: version it was made from, version that was the newest when its answers were asked for, facts, ids, ttl ms
-- Returns the new version, 'moved' when there is another version meanwhile, 'fenced' when the answers may be
-- older than a change.
local time = redis.call('TIME')
local held = redis.call('HMGET', KEYS[1], 'version', 'forgotten', 'epoch')
if not held[1] or held[3] ~= (redis.call('GET', KEYS[3]) or '') then
  return 'fenced'
end
if tonumber(held[2]) > tonumber(ARGV[2]) then
  return 'fenced'
end
-- While a change is under way an answer may be older or newer than it, and nobody can tell.
if redis.call('ZCOUNT', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), '+inf') > 0 then
  return 'fenced'
end
if held[1] ~= ARGV[1] then
  return 'moved'
end
local version = next_version(held[1], time)
redis.call('HSET', KEYS[1], 'version', version, 'facts', ARGV[3], 'ids', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return version
