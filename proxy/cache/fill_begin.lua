-- Ask to fetch one span, and announce the fetch.
-- KEYS: generation, hold, fetches
-- ARGV: token, ms the announcement lasts, generation already waited for (0: none yet)
-- Returns {generation the fetch is good for, ms to wait}; announced only when there is nothing to wait for.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local generation = tonumber(redis.call('GET', KEYS[1]) or '0')
local hold = tonumber(redis.call('GET', KEYS[2]) or '0')

-- While writes keep coming the hold-off never ends, but who asked before a write need not see it: a
-- caller that has waited for its own generation may fetch for that one.
local good_for = tonumber(ARGV[3])
if hold <= now then
  good_for = generation
elseif good_for == 0 then
  return {generation, hold - now}
end

-- An older fetch of this span may have put the old slots into Cal.com's cache when it ended, which can
-- be later than the write that made them old.
local until_ms = 0
local fetches = redis.call('HGETALL', KEYS[3])
for i = 1, #fetches, 2 do
  local began, remembered = string.match(fetches[i + 1], '(%d+):(%d+)')
  remembered = tonumber(remembered)
  if remembered <= now then
    redis.call('HDEL', KEYS[3], fetches[i])
  elseif tonumber(began) < good_for and remembered > until_ms then
    until_ms = remembered
  end
end
if until_ms > now then
  return {good_for, until_ms - now}
end
redis.call('HSET', KEYS[3], ARGV[1], good_for .. ':' .. (now + ARGV[2]))
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return {good_for, 0}
