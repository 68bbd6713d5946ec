-- Take facts away that a write may change, and say that it is under way or over.
-- KEYS: map, changes under way, epoch
-- ARGV: version the facts were made from ('': any, and all facts go), facts, ids, ttl ms, write id,
--       ms until the write can no longer land (0: it is over)
-- Returns the new version, or 'moved' when there is another version meanwhile.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = redis.call('GET', KEYS[3]) or ''
local held = redis.call('HMGET', KEYS[1], 'version', 'epoch')
if ARGV[1] ~= '' and (held[1] ~= ARGV[1] or held[2] ~= epoch) then
  return 'moved'
end
local version = next_version(held[1], time)
redis.call('HSET', KEYS[1], 'version', version, 'forgotten', version, 'epoch', epoch)
if ARGV[1] == '' then
  redis.call('HDEL', KEYS[1], 'facts')
else
  redis.call('HSET', KEYS[1], 'facts', ARGV[2], 'ids', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if tonumber(ARGV[6]) > 0 then
  redis.call('ZADD', KEYS[2], now + ARGV[6], ARGV[5])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. now)
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  redis.call('PEXPIRE', KEYS[2], math.max(1, last[2] - now))
else
  redis.call('ZREM', KEYS[2], ARGV[5])
end
return version
