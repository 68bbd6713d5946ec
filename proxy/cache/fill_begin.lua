-- Ask to fetch one span for whoever must see a certain generation, and announce the fetch.
-- KEYS: generation, bumps, fetches, stamps
-- ARGV: token, ms the announcement lasts, hold-off ms, generation wanted (0: the newest that concerns it), fields ...
-- Returns {generation the answer will be good for, 0}, or {generation wanted, ms to wait}: then nothing is announced.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local generation = tonumber(redis.call('GET', KEYS[1]) or '0')
local wanted = tonumber(ARGV[4])
local fields = fields_from(5)
if wanted == 0 then
  wanted = newest(KEYS[4], fields)
end
local reads = {}
for _, field in ipairs(fields) do
  reads[field] = true
end

local function concerns(named)
  for field in string.gmatch(named, '[^,]+') do
    if reads[field] then
      return true
    end
  end
  return false
end

local good_for, until_ms = generation, 0

-- Cal.com's slot cache may hide a generation until its hold-off has passed; the one before the oldest such
-- is certain to show. While writes keep coming the present one never is, so nobody waits for that.
local recent = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. (now - ARGV[3]), '+inf', 'WITHSCORES')
for i = 1, #recent, 2 do
  local bumped, named = string.match(recent[i], '^(%d+)|(.*)$')
  if concerns(named) then
    bumped = tonumber(bumped)
    good_for = math.min(good_for, bumped - 1)
    if bumped <= wanted then
      until_ms = math.max(until_ms, tonumber(recent[i + 1]) + ARGV[3])
    end
  end
end

-- Cal.com remembers what another fetch of this span was told, from when that fetch ends: it may be older than
-- a write that was made while it ran, and then so is what this one would be told.
local fetches = redis.call('HGETALL', KEYS[3])
for i = 1, #fetches, 2 do
  local began, remembered = string.match(fetches[i + 1], '(%d+):(%d+)')
  began, remembered = tonumber(began), tonumber(remembered)
  if remembered <= now then
    redis.call('HDEL', KEYS[3], fetches[i])
  else
    good_for = math.min(good_for, began)
    if began < wanted then
      until_ms = math.max(until_ms, remembered)
    end
  end
end

if good_for < wanted then
  return {wanted, math.max(until_ms - now, 1)}
end
redis.call('HSET', KEYS[3], ARGV[1], good_for .. ':' .. (now + ARGV[2]))
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return {good_for, 0}
