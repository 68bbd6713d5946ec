-- Looks at one batch of entries of generations before ARGV[1], and has those that read one of the fields an
-- invalidation wrote end soon: no read may serve them as they are, but for a while they may be served without what
-- the invalidation took, and while they are fresh, for other days than it wrote.
-- KEYS: index, expiry. ARGV: generation, how many to look at, how many to pass over, ms they stay after that, fields written.
-- Returns {how many were looked at, how many will end}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local written = {}
for field in string.gmatch(ARGV[5], '[^,]+') do
  written[field] = true
end
local older = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', ARGV[3], ARGV[2])
local ending = 0
for _, entry in ipairs(older) do
  local kept = redis.call('HMGET', entry, 'fields', 'ends', 'fresh')
  if not kept[2] then
    for field in string.gmatch(kept[1] or '', '[^,]+') do
      if written[field] then
        local stays = math.max(0, (tonumber(kept[3]) or 0) - now) + ARGV[4]
        if redis.call('PTTL', entry) > stays then
          redis.call('HSET', entry, 'ends', 1)
          redis.call('PEXPIRE', entry, string.format('%.0f', stays))
          redis.call('ZADD', KEYS[2], string.format('%.0f', now + stays), entry)
        end
        ending = ending + 1
        break
      end
    end
  end
end
return {#older, ending}
