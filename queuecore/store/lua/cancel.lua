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
if before == 'queued' then
  leave_line(job[LINE] or DEFAULT_LINE, token, job[SEQ])
  if job.mark ~= '' then pass_places_on(limits_of(call('HGET', job.key, TIES))) end
  close(job, 'cancelled', integer(clock_ms()))
elseif before == 'scheduled' then
  call('ZREM', base .. K_SCHEDULED, token)
  close(job, 'cancelled', integer(clock_ms()))
elseif before == 'waiting' then
  leave_waiting(job)
  close(job, 'cancelled', integer(clock_ms()))
elseif before == 'running' and not job[CANCEL] then
  call('HSET', base .. K_CANCELLING, token, job.runner)
  call('PUBLISH', base .. K_CONTROL .. job.runner, 'cancel ' .. token)
  change(job, CANCEL, 1)
end
wake_pushed()
return { before, job.state }
