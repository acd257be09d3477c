-- revoke: remembers for a while that a name is worth nothing any more
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   the name · for how long (ms)
-- reply  until when, ms
local revoked, now = base .. K_REVOKED, clock_ms()
local until_ms = call('ZSCORE', revoked, ARGV[1]) or integer(now + ARGV[2])
call('ZADD', revoked, until_ms, ARGV[1])
call('ZREMRANGEBYSCORE', revoked, '-inf', integer(now))
call('PEXPIREAT', revoked, integer(math.max(now + ARGV[2], tonumber(until_ms))))
return until_ms
