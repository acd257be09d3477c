-- cancel: a waiting job ends at once, a running one is asked to
-- from   scheduled, queued, waiting, running
-- to     cancelled, running
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   token
-- reply  {state before or '' when there is no such job, state after}
local token = ARGV[1]
local job = read(token, LINE, SEQ, CANCEL, WAITS)
if not job then return { '', '' } end
local before = job.state
if withdraw(job, integer(clock_ms())) then
  wake_pushed()
elseif before == 'running' and not job[CANCEL] then
  call('HSET', base .. K_CANCELLING, token, job.runner)
  call('PUBLISH', base .. K_CONTROL .. job.runner, 'cancel ' .. token)
  change(job, CANCEL, 1)
end
return { before, job.state }
