-- Which calls Cal.com has answered: those are among its hits, whatever the order they were made in. Their members end with a plus.

local function mark_answered(key, member)
  local at = redis.call('ZSCORE', key, member)
  if at then
    -- In this order: a log that is empty in between would lose its time to live.
    redis.call('ZADD', key, at, member .. '+')
    redis.call('ZREM', key, member)
  end
end

-- How many calls after this moment, and up to that, may not have been counted yet.
local function unanswered(key, moment, last)
  local calls = 0
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. moment, last)) do
    if string.sub(member, -1) ~= '+' then calls = calls + 1 end
  end
  return calls
end
