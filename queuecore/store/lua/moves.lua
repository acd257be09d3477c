-- moves: how a job's next state is written, and its history
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
  change(job, STATE, state .. ' ' .. job.attempt, ...)
end

-- Ends a job without a result: `state` is failed or cancelled; `now` is a number or its text.
local function close(job, state, now, ...)
  call('HDEL', job.key, CANCEL, DUE)
  call('ZADD', base .. (state == 'failed' and K_FAILED or K_CANCELLED), now, job.token)
  move(job, state, FINISHED, now, ...)
  call('HDEL', base .. K_WATCHED, job.token)
  count(state, 1)
end

-- Appends the job's latest attempt, ended and unsuccessful, to its history. `problem` is JSON text or 'null'.
local function remember(job, ended, outcome, problem)
  local key = base .. K_HISTORY .. job.token
  call('RPUSH', key, '{"attempt":' .. job.attempt .. ',"runner":' .. cjson.encode(job.runner) .. ',"started_ms":' .. job.started
    .. ',"ended_ms":' .. ended .. ',"outcome":"' .. outcome .. '","error":' .. problem .. '}')
  call('LTRIM', key, -HISTORY_LENGTH, -1)
end
