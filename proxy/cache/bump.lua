-- Shared by the scripts that begin a new generation; put in front of them.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Make every answer stored or fetched so far unservable. KEYS names: generation, bumps, jobs. First the step
-- that matters: without room it is the one that fails, and then nothing has been done.
local function bump(now, step, hold, generation_key, bumps, jobs)
  local generation = redis.call('INCRBY', generation_key, step)
  -- Cal.com's own slot cache may answer with the past for `hold` ms from now (contract 4.1).
  redis.call('ZADD', bumps, now, generation)
  redis.call('ZREMRANGEBYSCORE', bumps, '-inf', now - hold)
  redis.call('PEXPIRE', bumps, hold)
  redis.call('XADD', jobs, '*', 'kind', 'clean', 'gen', generation, 'at', now)
  return generation
end
