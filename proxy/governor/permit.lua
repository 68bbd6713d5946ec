-- Ask for one call to Cal.com: a sliding log on Redis' clock, shared by all processes.
-- KEYS: permits, blocked, peaks, credentials, limits, told, lines, held, memory, epoch, shares,
--       shadow
-- ARGV: limit, window ms (guard included), calls a second, ms that second takes, unique id, bucket digest, bucket,
--       seconds a peak is kept, percent kept from this class, percent of the pace kept from it, percent that is
--       its floor, percent kept from a floor, rank, rank on its floor, letter, ms it will wait, process,
--       memory id the process knows, calls that wait there, ms after which a process is away (0: nobody is), ms of
--       its lease, the name and incarnation of a process that does not spend its own share, or two times nothing,
--       1 to let a call go that would be held (shadow mode)
-- Returns {granted?, ms to wait, calls in the window, reason, alias, limit, memory id, now, member, calls of others};
-- reason is one of ok, window, pace, blocked, others, forgotten, away, line.

-- Kept for others on the key as long as they are seen: deviations above what is expected of them, and calls to the end, should they
-- come by chance. Chosen by measurement (docs/decisions/0016).
local DEVIATIONS, LAST = 3, 2
-- Ms after which who waits for others looks again.
local NEWS = 500

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, pace = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local percent, rank, patience = tonumber(ARGV[9]), tonumber(ARGV[13]), tonumber(ARGV[16])

-- What Cal.com said last (told.lua): its limit, what was left when call `at` was counted, and when the window ends.
local told = redis.call('HMGET', KEYS[6], 'limit', 'left', 'at', 'ends', 'next', 'guard', 'rate', 'fear', 'most', 'spread', 'begun')
limit = math.min(limit, tonumber(told[1] or limit))
local ends = tonumber(told[4] or 0)
local is_told = now < ends
-- What others make in a window, and what they may make for all we know. A tenth of the whole stays ours to find out by.
local most_of_theirs = math.floor(limit * 0.9)
local others = math.min(now < ends + window and tonumber(told[7]) or 0, most_of_theirs)
local feared = math.min(math.max(others, is_told and tonumber(told[8]) or 0, tonumber(told[9] or 0)), most_of_theirs)
local hold = others > 0 and math.min(math.ceil(others * 1.1) + 1, most_of_theirs) or 0

local lost, lost_until, memory =
  forgotten(KEYS[9], KEYS[10], ARGV[18], ARGV[5], now, window, tonumber(ARGV[1]), pace)

local aside, aside_pace = 0, 0
if ARGV[20] ~= '0' then
  aside, aside_pace =
    set_aside(KEYS[11], now, tonumber(ARGV[20]), tonumber(ARGV[21]), window, tonumber(ARGV[1]), pace, ARGV[22], ARGV[23])
end

local alias = redis.call('HGET', KEYS[4], ARGV[6])
if not alias then
  -- Metrics show an alias; past eight, credentials share one so that labels stay few.
  local n = redis.call('HLEN', KEYS[4]) - redis.call('HEXISTS', KEYS[4], 'anonymous') + 1
  alias = ARGV[6] == 'anonymous' and 'anonymous' or (n <= 8 and 'c' .. n or 'other')
  -- Past a thousand nothing more is remembered: made-up credentials must not fill the memory.
  if n <= 1000 then
    redis.call('HSET', KEYS[4], ARGV[6], alias)
  end
end
local is_known = redis.call('HEXISTS', KEYS[4], ARGV[6]) == 1
if is_known and ARGV[6] == ARGV[7] and redis.call('HGET', KEYS[5], ARGV[6]) ~= tostring(limit) then
  redis.call('HSET', KEYS[5], ARGV[6], limit)
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])
local own = limit - lost - aside
-- Cal.com's own word on what is left keeps what others need. It cannot tell of calls that the log does not have: then theirs
-- are kept here as well.
if lost > 0 or aside > 0 then own = own - hold end
local cap = own - math.floor(own * percent / 100)
local floor = math.floor(limit * ARGV[11] / 100)
if floor > 0 and used >= cap then
  local spent = 0
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(member, 1, 1) == ARGV[15] then spent = spent + 1 end
  end
  if spent < floor then
    percent, rank = tonumber(ARGV[12]), tonumber(ARGV[14])
    cap = own - math.floor(own * percent / 100)
  end
end

-- The longest of all waits, so that whoever comes back then need not come twice.
local wait, reason = 0, 'ok'
local function hold_back(ms, why)
  if ms > wait then wait, reason = math.ceil(ms), why end
end

hold_back(tonumber(redis.call('GET', KEYS[2]) or '0') - now, 'blocked')
if cap < 1 then
  if lost > 0 then
    hold_back(lost_until - now, 'forgotten')
  else
    -- Who is away may be back at any time.
    hold_back(aside > 0 and tonumber(ARGV[20]) or window, aside > 0 and 'away' or 'forgotten')
  end
elseif used >= cap then
  -- The place that frees the next call is the cap-th newest: more may be there after the limit was lowered.
  local oldest = redis.call('ZRANGE', KEYS[1], used - cap, used - cap, 'WITHSCORES')
  hold_back(oldest[2] + window - now + 1, lost > 0 and 'forgotten' or used < cap + aside and 'away' or 'window')
end
if told[6] and (is_told or feared > 0) then
  -- The window that a call would be counted in. Once the one that we know is over, the next may have begun at once, or begins
  -- with this call.
  local left, at, til, under_way = limit, now, now + window, 0
  if is_told then
    left, at, til = tonumber(told[2]), tonumber(told[3]), ends
    under_way = unanswered(KEYS[1], at - told[6], '+inf')
  else
    under_way = redis.call('ZCOUNT', KEYS[1], '(' .. told[5], '+inf')
  end
  local kept = math.floor(math.max(limit - lost - aside - hold, 0) * percent / 100)
  local room = left - under_way - kept - 1
  -- Who has just begun makes more than the mean knows yet.
  local begun = is_told and tonumber(told[11] or 0) or 0
  local seen, may = math.min(math.max(others, begun), most_of_theirs) / window, feared / window
  -- More for bursts than for chance.
  local spread = tonumber(told[10] or 1)
  local deviations = DEVIATIONS * math.sqrt(spread)
  local last = others > 1 and LAST * math.sqrt(spread) or 0
  -- What they made since `at`, as they are seen to; what may come until the end, with so many deviations; and the last. As the window runs out, so does what is kept.
  local need = seen * (now - at) + may * (til - now) + deviations * math.sqrt(may * (til - now)) + last
  if room < math.min(need, most_of_theirs) then
    -- When that will be little enough, should nobody hear anything more.
    local spare = math.max(0, room - seen * (til - at) - last)
    local by = deviations * math.sqrt(may)
    local root = spare > 0 and 2 * spare / (by + math.sqrt(by * by + 4 * (may - seen) * spare)) or 0
    local ms = til - now - math.min(root * root, til - now) + 1
    -- The next answer may show more, and comes in less time.
    if need > 0 and (under_way > 0 or ms <= patience) then ms = math.min(ms, NEWS) end
    hold_back(ms, 'others')
  end
end
local brisk = pace - aside_pace
if brisk < 1 then
  hold_back(tonumber(ARGV[20]), 'away')
end
brisk = math.max(1, brisk - math.floor(brisk * ARGV[10] / 100))
local second = redis.call('ZRANGE', KEYS[1], -brisk, -brisk, 'WITHSCORES')
if second[2] then
  hold_back(second[2] + ARGV[4] - now, 'pace')
end

-- Whoever waits in another process and comes before this call goes first, unless it does not come when it may.
local order = rank * 1e14 + now + patience
local lines = redis.call('HGETALL', KEYS[7])
for i = 1, #lines, 2 do
  local theirs, comes = string.match(lines[i + 1], '^(%d+):(%d+)')
  if tonumber(comes) + 250 < now then
    redis.call('HDEL', KEYS[7], lines[i])
  elseif wait == 0 and lines[i] ~= ARGV[17] and tonumber(theirs) < order then
    hold_back(20, 'line')
  end
end

local function explain(was_let_go)
  redis.call('LPUSH', KEYS[8],
    string.format('%.0f %s %s %d %d %d %d', now, ARGV[15], reason, wait, used, cap, was_let_go))
  redis.call('LTRIM', KEYS[8], 0, 49)
  redis.call('PEXPIRE', KEYS[8], 60 * window)
end

local is_shadow = ARGV[24] == '1'
if is_shadow then
  -- Whoever looks shall know that the limit is not kept at the moment.
  redis.call('SET', KEYS[12], now, 'PX', math.max(1, 10 * window))
end
if wait > 0 and is_shadow then
  if reason == 'line' then
    reason = 'ok'
  else
    explain(1)
  end
elseif wait > 0 then
  if wait <= patience then
    redis.call('HSET', KEYS[7], ARGV[17], string.format('%.0f:%.0f:%s', order, now + wait, ARGV[19]))
    redis.call('PEXPIRE', KEYS[7], window)
  elseif #lines > 0 then
    redis.call('HDEL', KEYS[7], ARGV[17])
  end
  if reason ~= 'line' then explain(0) end
  return {0, wait, used, reason, alias, limit, memory, now, '', hold}
end

if #lines > 0 then
  redis.call('HDEL', KEYS[7], ARGV[17])
end
local member = ARGV[15] .. ARGV[5]
redis.call('ZADD', KEYS[1], now, member)
redis.call('PEXPIRE', KEYS[1], window)
local bucket = tostring(math.floor(now / 10000))
if used + 1 > tonumber(redis.call('HGET', KEYS[3], bucket) or '0') then
  redis.call('HSET', KEYS[3], bucket, used + 1)
  redis.call('HDEL', KEYS[3], tostring(math.floor(now / 10000) - 60))
  redis.call('EXPIRE', KEYS[3], ARGV[8])
end
return {1, 0, used + 1, reason, alias, limit, memory, now, member, hold}
