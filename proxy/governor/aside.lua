-- What is set aside for processes that Redis does not hear from: each may be spending its share (shares.py).
--
-- KEY is a hash of process to `incarnation parts-held parts-told acked seen number`, parts of 5,040. `acked` is the newest
-- answer of ours that the process is known to have had: it may spend its share only long after that. `seen` is when we last
-- had a word from it: its lease ends so long after. The field `*` has when the hash was begun, until when it must
-- be taken for forgetful (what nobody is known to hold may be held by somebody whom it forgot), and for whoever looks the ms
-- after which a process is away, and away for good.
local ALL = 5040

local function entry_of(text)
  local inc, held, told, acked, seen, number = string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return { inc = inc, held = tonumber(held), told = tonumber(told), acked = tonumber(acked), seen = tonumber(seen),
    number = tonumber(number) }
end

local function parts_of(entry)
  return math.max(entry.held, entry.told)
end

-- The calls in a window and in a second that are set aside. All times in milliseconds. A process that asks for itself, and says so
-- by its `name` and incarnation, does not spend its share meanwhile.
local function set_aside(key, now, away, lease, window, limit, pace, name, inc)
  local calls, second, reserved, forgetful = 0, 0, 0, 0
  local all = redis.call('HGETALL', key)
  local function aside(parts)
    calls = calls + math.floor(limit * parts / ALL)
    second = second + math.floor(pace * parts / ALL)
  end
  for i = 1, #all, 2 do
    if all[i] == '*' then
      forgetful = tonumber(string.match(all[i + 1], '^%S+ (%S+)'))
    else
      local entry = entry_of(all[i + 1])
      if now <= entry.seen + away + lease + window then
        reserved = reserved + parts_of(entry)
        local asks = all[i] == name and entry.inc == inc
        if now > entry.acked + away and not asks then aside(parts_of(entry)) end
      end
    end
  end
  if now < forgetful and reserved < ALL then aside(ALL - reserved) end
  return calls, second
end
