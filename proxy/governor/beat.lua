-- One process says that it lives, pays for what it spent by share, and is told its share.
-- KEYS: shares, permits of the credentials it pays for
-- ARGV: process, incarnation, number of the beat, acked, parts held, away ms, lease ms, window ms (guard included),
--       most processes that have a share, 1 when it leaves, then for each call: its place among KEYS, member, age in ms
-- Returns {now, parts}; parts are -1 for a process whose place another incarnation has taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name, inc, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local acked, held = tonumber(ARGV[4]), tonumber(ARGV[5])
local away, lease, window, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local for_good = away + lease + window

for i = 11, #ARGV, 3 do
  local key = KEYS[tonumber(ARGV[i])]
  redis.call('ZADD', key, now - ARGV[i + 2], ARGV[i + 1])
  redis.call('PEXPIRE', key, window)
end

local function write(field, entry)
  redis.call('HSET', KEYS[1], field, string.format('%s %d %d %.0f %.0f %d',
    entry.inc, entry.held, entry.told, entry.acked, entry.seen, entry.number))
end

local born, forgetful = now, 0
local me, others, living = nil, 0, 1
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] == '*' then
    local since, til = string.match(all[i + 1], '^(%S+) (%S+)')
    born, forgetful = tonumber(since), tonumber(til)
  else
    local entry = entry_of(all[i + 1])
    if now > entry.seen + for_good then
      redis.call('HDEL', KEYS[1], all[i])
    elseif all[i] == name then
      me = entry
    else
      others = others + parts_of(entry)
      -- One that was replaced spends nothing more; it only keeps its place until its calls have left the window.
      if entry.inc ~= '-' then living = living + 1 end
    end
  end
end

if me and me.inc ~= inc then
  -- A successor says so with its first beat, which has heard of nothing yet; anybody else comes too late.
  if acked > 0 then return {now, -1} end
  -- Until so long after the newest answer that it had, it was not alone, and spent nothing by share.
  if now > me.acked + away + window then
    -- The one before may have spent its share up to now, and nobody can say what.
    write(name .. ':' .. me.inc, { inc = '-', held = parts_of(me), told = 0, acked = 0, seen = now - away - lease, number = 0 })
    others = others + parts_of(me)
    me = nil
  else
    me = { inc = inc, held = 0, told = parts_of(me), acked = now, seen = now, number = 0 }
  end
end
if ARGV[10] == '1' then
  redis.call('HDEL', KEYS[1], name)
  return {now, 0}
end
local is_fresh = acked <= now and now - acked <= away
if not me then
  -- Who holds a share that is not written here had it of a Redis that lost its memory, or of another one.
  if held > 0 then forgetful = math.max(forgetful, born + for_good) end
  me = { inc = inc, held = 0, told = 0, acked = acked == 0 and now or 0, seen = now, number = 0 }
end
if number > me.number then
  me.number, me.held, me.seen = number, held, now
  if is_fresh then me.acked = math.max(me.acked, acked) end
end

local free = ALL - others
if now < forgetful then free = math.min(free, parts_of(me)) end
local share = math.min(math.floor(ALL / math.min(living, most)), free)
-- Less than this would be no call in a second.
me.told = share < math.floor(ALL / most) and 0 or share

write(name, me)
redis.call('HSET', KEYS[1], '*', string.format('%.0f %.0f %.0f %.0f', born, forgetful, away, for_good))
redis.call('PEXPIRE', KEYS[1], for_good)
return {now, me.told}
