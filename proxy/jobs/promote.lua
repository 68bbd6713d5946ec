-- Puts one delayed job back into the stream, once, however many workers saw that it was due.
-- KEYS: stream, delayed. ARGV: member, then the fields. Returns 1 when this call did it.
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then
  return 0
end
local command = {'XADD', KEYS[1], '*'}
for i = 2, #ARGV do
  command[#command + 1] = ARGV[i]
end
redis.call(unpack(command))
return 1
