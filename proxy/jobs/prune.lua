-- Forgets, in one batch of the newest generations of fields, those that no answer is too old for.
-- KEYS: stamps, index. ARGV: the newest generation that every fetch under way knows, cursor, about how many to look at.
-- Returns {next cursor, how many went}.
local known = tonumber(ARGV[1])
-- An answer is held against the fields it reads by the generation it is good for: none is good for less than this.
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if oldest[2] then
  known = math.min(known, tonumber(oldest[2]))
end
local cursor, found = unpack(redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3]))
local gone = 0
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) <= known then
    redis.call('HDEL', KEYS[1], found[i])
    gone = gone + 1
  end
end
return {cursor, gone}
