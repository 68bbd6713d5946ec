-- What Cal.com's headers say of the window in which a call was counted, and so of others on the same key.
-- KEYS: permits, told
-- ARGV: ms the call was allowed at, limit, remaining, ms to the reset (rounded up to whole seconds by Cal.com),
--       guard ms, Cal.com's window ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at, limit, left, reset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local guard, window = tonumber(ARGV[5]), tonumber(ARGV[6])

-- A reset further away than a window is of another clock, or of another window: no word of it is believed.
if reset > window + 1000 then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'odd', 1)
  redis.call('PEXPIRE', KEYS[2], 60 * window)
  return 0
end
if redis.call('HEXISTS', KEYS[2], 'odd') == 1 then
  return 0
end

-- It was counted between `at` and now, and not later than the guard allows.
local ends = math.min(now, at + guard) + reset
local opened = at + reset - 1000 - window
-- All of ours that may be among the hits: what is more is others'.
local mine = redis.call('ZCOUNT', KEYS[1], opened - guard, at + guard)
local seen = math.max(0, limit - left - mine)
local rate, before, clean = 0, 0, seen > 0 and opened or at

local function after(moment)
  return redis.call('ZCOUNT', KEYS[1], '(' .. moment, '+inf')
end

local was = redis.call('HMGET', KEYS[2], 'ends', 'left', 'at', 'rate', 'before', 'clean')
if seen > 0 then
  -- They may have begun right after the last answer that did not show them, and the next call may be theirs: who comes
  -- while we call fast would otherwise be known too late. One call that nothing follows is forgotten as fast.
  if was[6] and math.abs(ends - tonumber(was[1])) <= math.min(2000, window / 2) then
    clean = math.max(clean, math.min(at, tonumber(was[6])))
  end
  local at_once = (seen + 1) * window / math.max(at - clean, window / 30)
  -- That is believed up to half of the key; more than that is what they took of the window so far.
  rate = math.max(math.min(at_once, limit / 2), seen * window / math.max(at - opened, window / 4))
end
if was[1] then
  local slack = math.min(2000, window / 2)
  local was_ends = tonumber(was[1])
  if ends + slack < was_ends then
    return 0
  end
  if ends <= was_ends + slack then
    -- The same window. Answers overtake each other: the lesser remainder is the truth, the later call the better guess.
    ends, before = math.min(ends, was_ends), tonumber(was[5])
    if at < tonumber(was[3]) then rate = tonumber(was[4]) end
    if was[2] - after(was[3]) < left - after(at) then left, at = tonumber(was[2]), tonumber(was[3]) end
  elseif ends < was_ends + 2 * window then
    before = tonumber(was[4])
  end
end
redis.call('HSET', KEYS[2], 'limit', limit, 'left', left, 'at', string.format('%.0f', at),
  'ends', string.format('%.0f', ends), 'rate', rate, 'before', before, 'clean', string.format('%.0f', clean))
-- A limit of its own is remembered by Cal.com for an hour (contract 2); after that ours is right again.
redis.call('PEXPIRE', KEYS[2], 60 * window)
return 1
