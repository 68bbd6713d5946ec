-- Looks at one batch of entries of generations before ARGV[1] and deletes those that read one of the fields an
-- invalidation wrote: no read may serve them any more.
-- KEYS: index, expiry. ARGV: generation, how many to look at, how many to pass over, fields written.
-- Returns {how many were looked at, how many went}.
local written = {}
for field in string.gmatch(ARGV[4], '[^,]+') do
  written[field] = true
end
local older = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', ARGV[3], ARGV[2])
local gone = 0
for _, entry in ipairs(older) do
  for field in string.gmatch(redis.call('HGET', entry, 'fields') or '', '[^,]+') do
    if written[field] then
      redis.call('UNLINK', entry)
      redis.call('ZREM', KEYS[1], entry)
      redis.call('ZREM', KEYS[2], entry)
      gone = gone + 1
      break
    end
  end
end
return {#older, gone}
