-- What Cal.com's headers say of the window in which a call was counted, and so of others on the same key.
-- KEYS: permits, told
-- ARGV: ms the call was allowed at, limit, remaining, ms to the reset (rounded up to whole seconds by Cal.com),
--       guard ms, Cal.com's window ms, the call's member of the log
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at, limit, left, reset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local guard, window = tonumber(ARGV[5]), tonumber(ARGV[6])

mark_answered(KEYS[1], ARGV[7])

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

local was = {}
local fields = {'ends', 'next', 'left', 'at', 'theirs', 'rate', 'before', 'clean', 'base', 'grew', 'most', 'most_at',
  'since', 'had', 'span', 'calls', 'strays', 'means'}
for i, value in ipairs(redis.call('HMGET', KEYS[2], unpack(fields))) do
  was[fields[i]] = tonumber(value or 0)
end

-- It was counted between `at` and now, and not later than the guard allows. So the window ends between two moments, and no call
-- from before `next` is counted in the one after it.
local ends, next = math.min(now, at + guard) + reset, at + reset - 1000 - guard
local slack = math.min(2000, window / 2)
if ends + slack < was.ends then
  return 0
end
local is_same = ends <= was.ends + slack
if is_same then
  -- Each answer bounds the end anew. They overtake each other: which call was counted last, the lesser remainder tells.
  ends, next = math.min(ends, was.ends), math.max(next, was.next)
  if was.left < left then left, at = was.left, was.at end
end

-- All of ours that may be among the hits: what is more is certainly others'. The most that they made in a window is remembered.
local seen = limit - left - redis.call('ZCOUNT', KEYS[1], next - window, at + guard)
local most, most_at = was.most, was.most_at
if now > most_at + 60 * window then most = 0 end
if seen > 0 and seen >= most then most, most_at = seen, now end

-- Once they are known, no certainty is asked for: all hits are others' that no call of ours in this window accounts for. Those that
-- opened it were allowed a moment before it began: ten of ours would be taken for theirs once that is known precisely.
local theirs = 0
if most > 0 then
  local ours = redis.call('ZCOUNT', KEYS[1], next + guard * 0.8 - window, '+inf') - unanswered(KEYS[1], at - guard, '+inf')
  theirs = math.max(0, limit - left - ours)
end

-- The mean of what they made in the last half window, for a whole one.
local rate, more, past = 0, theirs, at - (next + guard - window)
if ends < was.ends + 2 * window then rate = was.rate end
-- When they began: after call `clean`, when there had been `base` of theirs.
local clean, base, grew, before = at - past, 0, at, was.theirs
if is_same then
  more, past = theirs - was.theirs, at - was.at
  clean, base, grew, before = was.clean, was.base, was.grew, was.before
  if more > 0 then
    if was.at > grew + window / 4 or was.theirs == 0 then clean, base = was.at, was.theirs end
    grew = at
  end
end
local age = math.max(past, 1) * 2 / window
rate = most > 0 and math.max(0, rate * math.exp(-age) + 2 * more * (1 - math.exp(-age)) / age) or 0

-- They may have begun right after the last answer that did not show them, and the next call may be theirs: who comes while we
-- call fast would otherwise be known too late. That is believed up to half of the key; more is what they took since.
local fear, begun = 0, 0
if theirs > base then
  local by_now, since = theirs - base, at - clean
  begun = by_now * window / math.max(since, window / 4)
  fear = math.max(math.min((by_now + 1) * window / math.max(since, window / 30), limit / 2), begun)
  -- A third of a window tells what a whole one would be, should nobody look again before Cal.com blocks the key.
  local whole_of_it = by_now * window / math.max(since, window / 3)
  if whole_of_it > most then most, most_at = whole_of_it, now end
end

-- How far what they make strays from its mean, as the variance of a count to it: 0 is a clock, 1 is chance, more are bursts. A stretch
-- is compared with the one before it, so that a mean that changes does no harm; of a long one that cannot be said. In shorter ones than
-- a twentieth of a window whole calls would stray. Each begins and ends where no call of ours on its way can be taken for theirs.
local since, had, span, calls, strays, means = was.since, was.had, was.span, was.calls, was.strays, was.means
if not is_same then since = 0 end
if unanswered(KEYS[1], at - guard, at) == 0 and (since == 0 or at >= since + window / 20) then
  if since > 0 then
    local length, count = at - since, theirs - had
    if length > window / 6 then
      length = 0
    elseif span > 0 then
      local both, lasts = length * span / (length + span), math.exp(-length / (30 * window))
      strays = strays * lasts + (both * (count / length - calls / span)) ^ 2
      means = means * lasts + both * math.max(0, count + calls) / (length + span)
    end
    span, calls = length, count
  end
  since, had = at, theirs
end
-- Who is not known yet counts as chance: as if twenty calls had shown it. That somebody is steadier is not believed (decision
-- 16): who comes and goes is steady only in between.
local spread = math.max(1, math.min((strays + 10) / (means + 10), 8))

local function whole(ms) return string.format('%.0f', ms) end
redis.call('HSET', KEYS[2], 'limit', limit, 'left', left, 'at', whole(at), 'ends', whole(ends), 'next', whole(next),
  'guard', guard, 'theirs', theirs, 'rate', rate, 'before', before, 'fear', fear, 'begun', begun, 'clean', whole(clean), 'base', base,
  'grew', whole(grew), 'most', most, 'most_at', whole(most_at), 'since', whole(since), 'had', had, 'span', span,
  'calls', calls, 'strays', strays, 'means', means, 'spread', spread)
-- A limit of its own is remembered by Cal.com for an hour (contract 2); after that ours is right again.
redis.call('PEXPIRE', KEYS[2], 60 * window)
return 1
