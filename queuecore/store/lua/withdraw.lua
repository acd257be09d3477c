-- withdraw: a job that does not run is cancelled, wherever it stands
-- flags  allow-oom
-- The job is read with its LINE, SEQ and WAITS. Returns whether it stood anywhere.
local function withdraw(job, now)
  if job.state == 'queued' then
    leave_line(job[LINE] or DEFAULT_LINE, job.token, job[SEQ])
    if job.mark ~= '' then pass_places_on(ties_of(job).limits or {}) end
  elseif job.state == 'scheduled' then
    call('ZREM', base .. K_SCHEDULED, job.token)
  elseif job.state == 'waiting' then
    leave_waiting(job)
  else
    return false
  end
  close(job, 'cancelled', now)
  return true
end
