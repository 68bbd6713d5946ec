-- Finish a fetch, and store its answer if nothing it depends on has changed since it began.
-- KEYS: stamps, doubt, fetches, entry, index, expiry
-- ARGV: token, generation the fetch is good for, ms Cal.com remembers its answer, fresh ms (0: do not store),
--       body, headers, fresh ms while a write is in doubt, fields ...
-- Returns {stored?, fresh ms}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ':' .. (now + ARGV[3]))
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end

local fields = fields_from(8)
local fresh = tonumber(ARGV[4])
if tonumber(redis.call('GET', KEYS[2]) or '0') > now then
  fresh = math.min(fresh, tonumber(ARGV[7]))
end
if fresh <= 0 or newest(KEYS[1], fields) > tonumber(ARGV[2]) then
  return {0, 0}
end
redis.call('HSET', KEYS[4], 'gen', ARGV[2], 'body', ARGV[5], 'headers', ARGV[6],
  'stored', now, 'fresh', now + fresh, 'fields', table.concat(fields, ','))
redis.call('PEXPIRE', KEYS[4], fresh)
redis.call('ZADD', KEYS[5], ARGV[2], KEYS[4])
redis.call('ZADD', KEYS[6], now + fresh, KEYS[4])

-- Two expired names go for each one that comes, so the lists stay bounded with every job worker dead.
local gone = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', now, 'LIMIT', 0, 2)
if #gone > 0 then
  redis.call('ZREM', KEYS[5], unpack(gone))
  redis.call('ZREM', KEYS[6], unpack(gone))
end
return {1, fresh}
