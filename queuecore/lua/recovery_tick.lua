-- recovery_tick: may anyone be judged dead now?
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   time to live of a heartbeat (ms)
-- reply  1 yes; 0 no: nobody looked for more than half a heartbeat's life, so Redis (or every worker) was away
--        and heartbeats ran out without a death. After one full life the answer is yes again
local now, ttl = clock_ms(), tonumber(ARGV[1])
local fields = call('HMGET', base .. K_RECOVERY, 'tick', 'blind_until')
local blind_until = tonumber(fields[2] or 0)
if fields[1] and now - fields[1] > ttl / 2 then
  blind_until = now + ttl
  call('HSET', base .. K_RECOVERY, 'blind_until', integer(blind_until))
end
call('HSET', base .. K_RECOVERY, 'tick', integer(now))
return now >= blind_until and 1 or 0
