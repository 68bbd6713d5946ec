-- Claim a key for one attempt, or learn what came of the one before.
-- KEYS: record
-- ARGV: fingerprint, token, lease ms, ms the record is kept at least
-- Returns {'go'}; {'other'}: the key was used for something else; {'running', ms}: somebody is at it, for so long at
-- least; {'done', status, headers, body}; or, claimed, {'doubt', ms since an attempt may have left, ms at which the
-- key was first used, ms since it was last looked for (-1: never)}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local had = redis.call('HMGET', KEYS[1], 'print', 'state', 'lease', 'left', 'status', 'headers', 'body', 'claimed', 'looked')
if had[1] and had[1] ~= ARGV[1] then
  return {'other'}
end
if had[2] == 'done' then
  return {'done', tonumber(had[5]), had[6], had[7]}
end
if had[2] == 'running' and tonumber(had[3]) > now then
  return {'running', tonumber(had[3]) - now}
end
redis.call('HSET', KEYS[1], 'print', ARGV[1], 'state', 'running', 'token', ARGV[2], 'lease', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if not had[2] then
  redis.call('HSET', KEYS[1], 'claimed', now)
  return {'go'}
end
local left = tonumber(had[4])
if had[2] == 'running' then
  -- Its process died, and may have sent it as late as that was still its to send.
  left = tonumber(had[3])
  redis.call('HSET', KEYS[1], 'left', left)
end
return {'doubt', now - left, tonumber(had[8]), had[9] and math.max(0, now - tonumber(had[9])) or -1}
