-- Look one entry up, and notice writes whose gateway process died.
-- KEYS: generation, bumps, jobs, stamps, overlays, told, story, doubt, writes, entry
-- ARGV: ms a generation is remembered, doubt ms, 1 if of the times it speaks of only those among the fields matter,
-- fields ...
-- Returns {now ms, newest generation that concerns it, state, and for states 1 and 2: generation, body, headers,
-- status, stored ms, fresh-until ms, usable-until ms, cost ms, empties, fields, and for 2 the overlays}.
-- States: 0 there is none, 1 nothing it reads was written since, 2 something was, but all of it is in the
-- overlays, 3 something was.
local now = now_ms()

-- A lease that ran out belonged to a process that is gone. Whether its write landed nobody knows, so it
-- counts as landed now, and may still land until the doubt has passed.
local lost = redis.call('ZRANGEBYSCORE', KEYS[9], '-inf', now, 'LIMIT', 0, 100)
if #lost > 0 then
  bump(now, 1, ARGV[1], {'*'}, '-', '', '{"cause":"a process died while its write was under way"}')
  redis.call('SET', KEYS[8], now + ARGV[2], 'PX', ARGV[2])
  redis.call('ZREM', KEYS[9], unpack(lost))
  for _, write in ipairs(lost) do
    redis.call('PUBLISH', KEYS[6], 'e ' .. write)
  end
end

local fields = fields_from(4)
local generation = newest(KEYS[4], fields)
local entry = redis.call('HMGET', KEYS[10], 'gen', 'fields', 'body', 'headers', 'status', 'stored', 'fresh',
  'usable', 'cost', 'empties')
if not entry[1] then
  return {now, generation, 0}
end
local good_for = tonumber(entry[1])
-- What was known of it when it was stored may be less than is known now: then more concerns it.
local stored_fields = split(entry[2] or '*,?')
if ARGV[3] == '1' then
  stored_fields = but_times(stored_fields)
end
local found = {now, generation, 1, good_for, entry[3], entry[4], tonumber(entry[5]), tonumber(entry[6]),
  tonumber(entry[7]), tonumber(entry[8]), tonumber(entry[9]), tonumber(entry[10]), entry[2] or '*,?'}
if good_for >= math.max(generation, newest(KEYS[4], stored_fields)) then
  return found
end

-- Every generation since must be remembered, or one that concerns it might be missing.
local concerns = concern_of(fields, stored_fields)
local remembered, overlays = 0, {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local bumped, named = string.match(member, '^(%d+)|(.*)$')
  if tonumber(bumped) > good_for then
    remembered = remembered + 1
    if concerns(named) then
      local overlay = redis.call('HGET', KEYS[5], bumped)
      if not overlay then
        return {now, generation, 3}
      end
      overlays[#overlays + 1] = overlay
    end
  end
end
if remembered ~= tonumber(redis.call('GET', KEYS[1]) or '0') - good_for then
  return {now, generation, 3}
end
found[3] = 2
found[#found + 1] = overlays
return found
