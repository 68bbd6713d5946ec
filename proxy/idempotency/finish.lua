-- Write down what came of an attempt.
-- KEYS: record, those that forgetting a booking goes by ...
-- ARGV: token, word (done; doubt: it may have been sent until now; open: nothing new of an earlier one; nothing),
--       status, headers, body, ms the answer is kept
-- Returns 1, or 0 when the record is somebody else's by now.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
if ARGV[2] == 'nothing' then
  redis.call('DEL', KEYS[1])
elseif ARGV[2] == 'done' then
  redis.call('HSET', KEYS[1], 'state', 'done', 'status', ARGV[3], 'headers', ARGV[4], 'body', ARGV[5])
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  for n = 2, #KEYS do
    redis.call('SET', KEYS[n], KEYS[1], 'PX', ARGV[6])
  end
elseif ARGV[2] == 'doubt' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'state', 'doubt', 'left', time[1] * 1000 + math.floor(time[2] / 1000))
else
  redis.call('HSET', KEYS[1], 'state', 'doubt')
end
return 1
