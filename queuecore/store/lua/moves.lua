-- moves: how a job's next state is written
-- flags  allow-oom
-- Writes that something about a job changed, with any pairs of field and value.
local function change(job, ...)
  job.changes = job.changes + 1
  call('HSET', job.key, CHANGES, integer(job.changes), ...)
  notify(job.token, version_of(job), job.state)
end

-- Writes a job's next state, with further pairs of field and value. The place it had is the caller's to clear.
local function move(job, state, ...)
  job.state = state
  change(job, STATE, state .. ' ' .. job.attempt .. job.mark, ...)
end

-- Ends a job without a result: `state` is failed or cancelled; `now` is a number or its text.
local function close(job, state, now, ...)
  call('HDEL', job.key, CANCEL, DUE)
  call('ZADD', base .. (state == 'failed' and K_FAILED or K_CANCELLED), now, job.token)
  move(job, state, FINISHED, now, ...)
  call('HDEL', base .. K_WATCHED, job.token)
  count(state, 1)
end
