-- Shared by the scripts that begin a new generation; put in front of them. Their first keys are:
-- KEYS: generation, bumps, jobs, stamps, overlays, told, story

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Make every answer that reads one of the fields unservable. First the step that matters: without room it is
-- the one that fails, and then nothing has been done that doing it again would not mend.
-- `kept` ms a generation is remembered, with what its write took (overlay; '' when that cannot be said); `why` is
-- the line for people (chronicle.py).
local function bump(now, step, kept, fields, write, overlay, why)
  if redis.call('EXISTS', KEYS[1]) == 0 then
    -- Whoever emptied this Redis took the counter too. What was fetched or copied before must not look newer than
    -- what is written from now on, and no counter has grown faster than the clock.
    step = now
  end
  local generation = redis.call('INCRBY', KEYS[1], step)
  if fields[1] == '*' then
    -- Everything is older than this, so nothing else need be remembered.
    redis.call('DEL', KEYS[4])
  end
  for _, field in ipairs(fields) do
    redis.call('HSET', KEYS[4], field, generation)
  end
  -- No answer and no fetch lives as long as this.
  redis.call('PEXPIRE', KEYS[4], 172800000)
  local named = table.concat(fields, ',')
  redis.call('PUBLISH', KEYS[6], 'b ' .. generation .. ' ' .. named .. ' ' .. write)
  local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - kept)
  for _, member in ipairs(old) do
    redis.call('HDEL', KEYS[5], string.match(member, '^%d+'))
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - kept)
  redis.call('ZADD', KEYS[2], now, generation .. '|' .. named)
  redis.call('PEXPIRE', KEYS[2], kept)
  if overlay ~= '' then
    redis.call('HSET', KEYS[5], generation, overlay)
    redis.call('PEXPIRE', KEYS[5], kept)
  end
  redis.call('XADD', KEYS[3], '*', 'kind', 'clean', 'gen', generation, 'at', now, 'fields', named)
  redis.call('LPUSH', KEYS[7], now .. ' ' .. generation .. ' ' .. why)
  redis.call('LTRIM', KEYS[7], 0, 99)
  redis.call('PEXPIRE', KEYS[7], 172800000)
  return generation
end
