-- Takes a job out for good. Done work is done, whoever owns the job by now, so ownership is not asked.
-- KEYS: stream, retried. ARGV: group, id, origin. Returns 1 when this call took it out.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[3])
return redis.call('XDEL', KEYS[1], ARGV[2])
