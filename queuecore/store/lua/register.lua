-- register: a runner announces itself; only registered runners may claim
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   runner · what it says of itself (JSON) · time to live of its heartbeat (ms)
-- reply  the server's time (ms)
call('HSET', base .. K_RUNNERS, ARGV[1], ARGV[2])
call('SET', base .. K_ALIVE .. ARGV[1], '1', 'PX', ARGV[3])
return clock_ms()
