-- close: how a job ends without a result
-- flags  allow-oom
-- `state` is failed or cancelled; `now` is a number or its text. The place it had is the caller's to clear.
local function close(job, state, now, ...)
  call('HDEL', job.key, CANCEL, DUE)
  call('ZADD', base .. (state == 'failed' and K_FAILED or K_CANCELLED), now, job.token)
  move(job, state, FINISHED, now, ...)
  call('HDEL', base .. K_WATCHED, job.token)
  count(state, 1)
  if job.mark ~= '' then leave_name(job) end
end
