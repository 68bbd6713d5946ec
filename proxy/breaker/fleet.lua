-- What the processes agree on about one breaker. Each change begins a new generation, which is a time on Redis' clock:
-- so it grows even when Redis has forgotten everything.
-- KEYS: the hash of breakers
-- ARGV: what, endpoint, process, generation the process knows of, its token for a probe, ms, times opened, channel
--   accuse   the process has opened by itself; ms and times are of the opening it would be for all
--   reserve  it wants to send the probe, and keeps it for ms unless renewed
--   renew    its probe is still out
--   release  its probe came to nothing
--   good     its probe succeeded
--   bad      its probe failed; ms and times as above
-- Returns {what came of it, ms, now, the record}:
--   told     somebody has moved since: this is how it is now
--   alone    nobody else has accused: open for this process only
--   granted  the probe is the process's
--   held     the probe is another's, or not due, for ms
--   done
local WINDOW, DOUBTED = 120000, 600000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local what, endpoint, process, token = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local known, ms, opens, channel = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local text = redis.call('HGET', KEYS[1], endpoint)
local record = text and cjson.decode(text) or {}
record.state = record.state or 'closed'
record.generation = record.generation or 0
record.since = record.since or now / 1000

local function reply(word, wait)
  return {word, wait or 0, now, cjson.encode(record)}
end

local function keep()
  redis.call('HSET', KEYS[1], endpoint, cjson.encode(record))
end

local function move(state)
  record.state, record.since = state, now / 1000
  record.probe, record.prober, record.probe_until = nil, nil, nil
end

local function tell(state)
  move(state)
  record.generation = math.max(record.generation + 1, known + 1, now)
  keep()
  redis.call('PUBLISH', channel, 'o ' .. endpoint .. ' ' .. now .. ' ' .. cjson.encode(record))
end

local function open(alone_said)
  record['until'], record.opens, record.lone = now + ms, opens, alone_said
  tell('open')
end

if what == 'renew' then
  if record.probe == token then
    record.probe_until = now + ms
    keep()
  end
  return reply('done')
elseif what == 'release' then
  if record.probe == token then
    move('open')
    keep()
  end
  return reply('done')
elseif what == 'good' or what == 'bad' then
  if record.probe ~= token then
    return reply('told')
  elseif what == 'bad' then
    open(record.lone)
    return reply('done')
  end
  -- Whoever alone said that Cal.com is down, and was wrong, has a trouble of its own.
  if record.lone and record.lone ~= process then
    record.doubted, record.doubted_until = record.lone, now + DOUBTED
  end
  record['until'], record.opens, record.lone, record.accuser, record.accused = nil, 0, nil, nil, nil
  tell('closed')
  return reply('done')
end

-- An accusation stands whatever was agreed before: what failed, failed since.
if record.generation > known and (what ~= 'accuse' or record.state ~= 'closed') then
  return reply('told')
end

if what == 'accuse' then
  local is_recent = record.accuser and now - record.accused < WINDOW
  local is_another = record.state ~= 'closed' or (is_recent and record.accuser ~= process)
  local is_doubted = record.doubted == process and now < record.doubted_until
  local is_again = is_recent and record.accuser == process
  local is_all = redis.call('PUBSUB', 'NUMSUB', channel)[2] <= 1
  if is_doubted then
    return reply('alone')
  elseif is_another or is_all then
    open(nil)
  elseif is_again then
    open(process)
  else
    record.accuser, record.accused = process, now
    keep()
    return reply('alone')
  end
  return reply('done')
end

-- reserve
if record.generation < known then
  -- Redis has forgotten that it is open; the process has not.
  record.generation, record.opens, record['until'] = known, opens, now
  move('open')
end
-- A token of the same process is one that it does not know any more.
if record.probe and record.prober ~= process and record.probe_until > now then
  return reply('held', record.probe_until - now)
elseif (record['until'] or 0) > now then
  return reply('held', record['until'] - now)
end
move('half_open')
record.probe, record.prober, record.probe_until = token, process, now + ms
keep()
return reply('granted')
