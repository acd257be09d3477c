-- unregister: a runner leaves in good order
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   runner
-- reply  how many running jobs it still has; it is only removed when there are none
local runner = ARGV[1]
leave_idle(runner)
local left = call('SCARD', base .. K_RUNNING .. runner)
if left == 0 then
  call('HDEL', base .. K_RUNNERS, runner)
  call('DEL', base .. K_ALIVE .. runner)
end
return left
