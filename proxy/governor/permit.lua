-- Ask for one call to Cal.com: a sliding log on Redis' clock.
-- KEYS: permits, blocked, peaks, credentials, limits
-- ARGV: limit, window ms (guard included), calls a second, unique id, credential digest, seconds a peak is kept
-- Returns {granted?, ms to wait, calls in the window, reason, alias}; reason is one of ok, window, pace, blocked.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, pace = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local alias = redis.call('HGET', KEYS[4], ARGV[5])
if not alias then
  -- Metrics show an alias; past eight, credentials share one so that labels stay few.
  local n = redis.call('HLEN', KEYS[4]) - redis.call('HEXISTS', KEYS[4], 'anonymous') + 1
  alias = ARGV[5] == 'anonymous' and 'anonymous' or (n <= 8 and 'c' .. n or 'other')
  -- Past a thousand nothing more is remembered: made-up credentials must not fill the memory.
  if n <= 1000 then
    redis.call('HSET', KEYS[4], ARGV[5], alias)
    redis.call('HSET', KEYS[5], ARGV[5], limit)
  end
elseif redis.call('HGET', KEYS[5], ARGV[5]) ~= ARGV[1] then
  redis.call('HSET', KEYS[5], ARGV[5], limit)
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])

local blocked = tonumber(redis.call('GET', KEYS[2]) or '0')
if blocked > now then
  return {0, blocked - now, used, 'blocked', alias}
end
if used >= limit then
  -- The place that frees the next call is the limit-th newest: more may be there after the limit was lowered.
  local oldest = redis.call('ZRANGE', KEYS[1], used - limit, used - limit, 'WITHSCORES')
  return {0, oldest[2] + window - now + 1, used, 'window', alias}
end
local second = redis.call('ZRANGE', KEYS[1], -pace, -pace, 'WITHSCORES')
if second[2] and second[2] + 1000 > now then
  return {0, second[2] + 1000 - now, used, 'pace', alias}
end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], window)

local bucket = tostring(math.floor(now / 10000))
if used + 1 > tonumber(redis.call('HGET', KEYS[3], bucket) or '0') then
  redis.call('HSET', KEYS[3], bucket, used + 1)
  redis.call('HDEL', KEYS[3], tostring(math.floor(now / 10000) - 60))
  redis.call('EXPIRE', KEYS[3], ARGV[6])
end
return {1, 0, used + 1, 'ok', alias}
