-- Finish a fetch, and store its answer if nothing it depends on has changed since it began.
-- KEYS: stamps, doubt, fetches, entry, index, expiry, filling, passing, told
-- ARGV: token, generation the fetch is good for, ms Cal.com remembers its answer (0: nothing to remember, less:
--       nothing was announced), digest, ms an answer that is not kept waits for its followers,
--       most entries, fresh ms while a write is in doubt, fresh ms (0: do not store), usable ms, body, headers,
--       status (0: there is no answer), cost ms, empties, target, refusal ('' for none), fields ...
-- Returns {stored?, fresh ms, stored at ms}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local remembered = tonumber(ARGV[3])
if remembered == 0 then
  redis.call('HDEL', KEYS[3], ARGV[1])
elseif remembered > 0 then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ':' .. (now + remembered))
  if redis.call('PTTL', KEYS[3]) < remembered then
    redis.call('PEXPIRE', KEYS[3], remembered)
  end
end

local leads = redis.call('HMGET', KEYS[7], 'token', 'followed')
local is_followed = leads[1] == ARGV[1] and leads[2]
if leads[1] == ARGV[1] then
  redis.call('DEL', KEYS[7])
end

local fields = fields_from(17)
local fresh, usable = tonumber(ARGV[8]), tonumber(ARGV[9])
if tonumber(redis.call('GET', KEYS[2]) or '0') > now then
  fresh = math.min(fresh, tonumber(ARGV[7]))
  usable = fresh
end
local stored = 0
if fresh > 0 and newest(KEYS[1], fields) <= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[4], 'gen', ARGV[2], 'body', ARGV[10], 'headers', ARGV[11], 'status', ARGV[12],
    'stored', now, 'fresh', now + fresh, 'usable', now + usable, 'cost', ARGV[13], 'empties', ARGV[14],
    'target', ARGV[15], 'fields', table.concat(fields, ','))
  redis.call('PEXPIRE', KEYS[4], usable)
  redis.call('ZADD', KEYS[5], ARGV[2], KEYS[4])
  redis.call('ZADD', KEYS[6], now + usable, KEYS[4])
  stored = 1

  -- Two expired names go for each one that comes, so the lists stay bounded with every job worker dead; past
  -- the most entries, those go that would expire next.
  local gone = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', now, 'LIMIT', 0, 2)
  local over = redis.call('ZCARD', KEYS[6]) - #gone - tonumber(ARGV[6])
  if over > 0 then
    gone = redis.call('ZRANGE', KEYS[6], 0, math.min(over, 10) - 1)
    redis.call('UNLINK', unpack(gone))
  end
  if #gone > 0 then
    redis.call('ZREM', KEYS[5], unpack(gone))
    redis.call('ZREM', KEYS[6], unpack(gone))
  end
elseif is_followed and (ARGV[12] ~= '0' or ARGV[16] ~= '') then
  redis.call('HSET', KEYS[8], 'token', ARGV[1], 'gen', ARGV[2], 'body', ARGV[10], 'headers', ARGV[11],
    'status', ARGV[12], 'refusal', ARGV[16])
  redis.call('PEXPIRE', KEYS[8], ARGV[5])
end
if is_followed then
  redis.call('PUBLISH', KEYS[9], 'f ' .. ARGV[4])
end
return {stored, fresh, now}
