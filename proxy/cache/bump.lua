-- Shared by the scripts that begin a new generation; put in front of them.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Make every answer that reads one of the fields unservable. First the step that matters: without room it is
-- the one that fails, and then nothing has been done that doing it again would not mend.
local function bump(now, step, hold, fields, generation_key, bumps, jobs, stamps)
  local generation = redis.call('INCRBY', generation_key, step)
  if fields[1] == '*' then
    -- Everything is older than this, so nothing else need be remembered.
    redis.call('DEL', stamps)
  end
  for _, field in ipairs(fields) do
    redis.call('HSET', stamps, field, generation)
  end
  -- No answer and no fetch lives as long as this.
  redis.call('PEXPIRE', stamps, 172800000)
  local named = table.concat(fields, ',')
  -- Cal.com's own slot cache may answer with the past for `hold` ms from now (contract 4.1).
  redis.call('ZADD', bumps, now, generation .. '|' .. named)
  redis.call('ZREMRANGEBYSCORE', bumps, '-inf', now - hold)
  redis.call('PEXPIRE', bumps, hold)
  redis.call('XADD', jobs, '*', 'kind', 'clean', 'gen', generation, 'at', now, 'fields', named)
  return generation
end
