-- Calls that may have been made although the log does not show them: Redis may have lost its memory.
--
-- A memory has an id, which processes remember. One that asks with another id knew an earlier memory: what was
-- spent then is unknown here, so all of it counts as spent for one window from when this memory began. A server
-- that restarted with its memory has lost at most what it had not written down: two seconds' worth with an
-- append-only file (it is synced every second, and may be a second behind), anything without.
--
-- Returns the number of calls, the millisecond until which they count, and the id.
local function forgotten(key, epoch_key, known_id, new_id, now, window, limit, pace)
  local had = redis.call('HMGET', key, 'id', 'epoch', 'since', 'lost')
  local epoch = redis.call('GET', epoch_key) or ''
  local id, since, lost = had[1], tonumber(had[3] or now), tonumber(had[4] or 0)
  if not id then
    id, since, lost = new_id, now, known_id == '' and 0 or -1
  elseif epoch ~= '' and had[2] ~= '' and had[2] ~= epoch then
    local info = redis.pcall('INFO', 'persistence')
    local is_written = type(info) == 'string' and string.find(info, 'aof_enabled:1', 1, true)
    -- What an earlier loss left open stays open.
    if now < since + window and lost < 0 or not is_written then lost = -1 else lost = 2 * pace end
    since = now
  elseif known_id ~= '' and known_id ~= id then
    lost = -1
  end
  if id ~= had[1] or since ~= tonumber(had[3]) or lost ~= tonumber(had[4]) or epoch ~= had[2] then
    redis.call('HSET', key, 'id', id, 'since', string.format('%.0f', since), 'lost', lost, 'epoch', epoch)
  end
  if now >= since + window then
    return 0, 0, id
  end
  return lost < 0 and limit or math.min(lost, limit), since + window, id
end
