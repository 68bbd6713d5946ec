-- Claim a key for one attempt, or learn what came of the one before.
-- KEYS: record
-- ARGV: fingerprint, token, lease ms, ms the record is kept
-- Returns {'go'}; {'other'}: the key was used for something else; {'running', ms}: somebody is at it, for so long at
-- least; {'done', status, headers, body}; or {'doubt', ms since it left}: claimed, but an attempt may have landed.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local had = redis.call('HMGET', KEYS[1], 'print', 'state', 'lease', 'left', 'status', 'headers', 'body')
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
-- An attempt whose process died may have left just before, so it counts as left from its beginning.
if had[2] then
  return {'doubt', now - tonumber(had[4])}
end
redis.call('HSET', KEYS[1], 'left', now)
return {'go'}
