-- Moves a job this consumer still owns to the end of a stream: its own (handed back) or the dead letters.
-- KEYS: stream, target, retried. ARGV: group, consumer, id, origin, enqueued ms ('' when it will not run
-- again), bound of the target ('' for none), then the fields. Returns 1 when it was moved.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 0
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
if ARGV[5] == '' then
  redis.call('ZREM', KEYS[3], ARGV[4])
else
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[4])
end
local command = {'XADD', KEYS[2]}
if ARGV[6] ~= '' then
  command[#command + 1] = 'MAXLEN'
  command[#command + 1] = '~'
  command[#command + 1] = ARGV[6]
end
command[#command + 1] = '*'
for i = 7, #ARGV do
  command[#command + 1] = ARGV[i]
end
redis.call(unpack(command))
return 1
