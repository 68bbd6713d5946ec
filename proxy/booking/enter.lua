-- Ask for a turn to book, as often as it takes. Whoever asked before for one of the same names at an overlapping
-- time comes first; everybody waits only for older ones, so nobody waits in a circle.
-- KEYS: turns, leases
-- ARGV: token, lease ms, begin, end (seconds), names with a blank before and after each, ms both keys are kept
-- A turn is text: number, begin, end, number at its end (0: not over), what it made ('-': nothing), then the names.
-- Returns {'go', ''} or {'wait', token of the first of those before}, then what those made who ended since this one
-- asked.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[1], dead)
  redis.call('ZREM', KEYS[2], dead)
end

local function read(text)
  local n, from, to, over, made, names = string.match(text, '^(%d+) (%-?%d+) (%-?%d+) (%d+) (%S+)( .*)$')
  return tonumber(n), tonumber(from), tonumber(to), tonumber(over), made, names
end

local own = redis.call('HGET', KEYS[1], ARGV[1])
if not own then
  local n = redis.call('HINCRBY', KEYS[1], '#', 1)
  own = string.format('%d %s %s 0 -%s', n, ARGV[3], ARGV[4], ARGV[5])
  redis.call('HSET', KEYS[1], ARGV[1], own)
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])

local number, begins, ends, _, _, names = read(own)
local first, first_number = '', math.huge
local reply = {'go', ''}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if all[at] ~= '#' and all[at] ~= ARGV[1] then
    local n, from, to, over, made, others = read(all[at + 1])
    if from < ends and begins < to and (over > number or (over == 0 and n < number)) then
      for name in string.gmatch(names, '%S+') do
        if string.find(others, ' ' .. name .. ' ', 1, true) then
          if over > 0 then
            reply[#reply + 1] = made
          elseif n < first_number then
            first, first_number = all[at], n
          end
          break
        end
      end
    end
  end
end
if first ~= '' then
  reply[1], reply[2] = 'wait', first
end
return reply
