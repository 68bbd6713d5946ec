-- Ask to fetch one answer for whoever must see a certain generation, and announce the fetch.
-- KEYS: generation, bumps, stamps, fetches, entry, filling
-- ARGV: token, ms the announcement lasts ('0': Cal.com keeps no cache of it), hold-off ms, generation wanted (0: the newest that concerns it), may the
--       query be made distinct?, seen ms, process (its own channel; '' when nothing tells whether it lives),
--       lease ms ('0': share with nobody), fields ...
-- Returns one of
--   {'leave', generation the answer will be good for, distinct number (0: as it is)}
--   {'hold', generation wanted, ms to wait}       Cal.com may still answer with the past
--   {'follow', generation wanted, ms, token}      another process is fetching just this
--   {'again', generation wanted}                  what is wanted has been stored meanwhile
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local generation = tonumber(redis.call('GET', KEYS[1]) or '0')
local wanted = tonumber(ARGV[4])
local lease = tonumber(ARGV[8])
local fields = fields_from(9)
if wanted == 0 then
  wanted = newest(KEYS[3], fields)
end

if lease > 0 then
  local entry = redis.call('HMGET', KEYS[5], 'gen', 'fresh', 'stored', 'fields')
  if entry[1] and tonumber(entry[2]) > now and tonumber(entry[3]) > tonumber(ARGV[6])
    and tonumber(entry[1]) >= math.max(wanted, newest(KEYS[3], fields), newest(KEYS[3], split(entry[4]))) then
    return {'again', wanted}
  end
  local leader = redis.call('HMGET', KEYS[6], 'token', 'good_for', 'process')
  if leader[1] and leader[1] ~= ARGV[1] and tonumber(leader[2]) >= wanted then
    -- A killed process loses its connection at once, long before its lease ends.
    local lives = leader[3] == '' or redis.call('PUBSUB', 'NUMSUB', leader[3])[2] > 0
    if lives then
      redis.call('HSET', KEYS[6], 'followed', 1)
      return {'follow', wanted, math.max(redis.call('PTTL', KEYS[6]), 1), leader[1]}
    end
  end
end

local concerns = concern_of(fields)
local good_for, until_ms, distinct = generation, 0, 0

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
local fetches = redis.call('HGETALL', KEYS[4])
for i = 1, #fetches, 2 do
  local began, remembered = string.match(fetches[i + 1], '(%d+):(%d+)')
  began, remembered = tonumber(began), tonumber(remembered)
  if remembered <= now then
    redis.call('HDEL', KEYS[4], fetches[i])
  else
    good_for = math.min(good_for, began)
    if began < wanted then
      until_ms = math.max(until_ms, remembered)
    end
  end
end

if good_for < generation and ARGV[5] == '1' then
  -- Asked in a way that nobody has used before this generation, it cannot be answered from before it.
  good_for = generation
  distinct = generation % 997 + 1
end
if good_for < wanted then
  return {'hold', wanted, math.max(until_ms - now, 1)}
end
if distinct == 0 and tonumber(ARGV[2]) > 0 then
  redis.call('HSET', KEYS[4], ARGV[1], good_for .. ':' .. (now + ARGV[2]))
  redis.call('PEXPIRE', KEYS[4], ARGV[2])
end
if lease > 0 then
  redis.call('DEL', KEYS[6])
  redis.call('HSET', KEYS[6], 'token', ARGV[1], 'good_for', good_for, 'process', ARGV[7])
  redis.call('PEXPIRE', KEYS[6], lease)
end
return {'leave', good_for, distinct}
