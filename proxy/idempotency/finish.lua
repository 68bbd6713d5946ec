-- Write down what came of an attempt.
-- KEYS: record, those that forgetting a booking goes by ...
-- ARGV: token, word (done; doubt: it may have been sent until now; looked: an earlier one was looked for and is still
--       open; open: nothing new of it; nothing), status, headers, body, ms the answer is kept
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
else
  redis.call('HSET', KEYS[1], 'state', 'doubt')
  if ARGV[2] ~= 'open' then
    local time = redis.call('TIME')
    local moment = ARGV[2] == 'doubt' and 'left' or 'looked'
    redis.call('HSET', KEYS[1], moment, time[1] * 1000 + math.floor(time[2] / 1000))
  end
end
return 1
