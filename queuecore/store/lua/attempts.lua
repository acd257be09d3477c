-- attempts: how one ends without a result
-- flags  allow-oom
-- Ends the job's latest attempt: it goes into the history and lets go of what it held. `problem` is JSON text or 'null'.
local function end_attempt(job, ended, outcome, problem)
  local key = base .. K_HISTORY .. job.token
  call('RPUSH', key, '{"attempt":' .. job.attempt .. ',"runner":' .. cjson.encode(job.runner) .. ',"started_ms":' .. job.started
    .. ',"ended_ms":' .. ended .. ',"outcome":"' .. outcome .. '","error":' .. problem .. '}')
  call('LTRIM', key, -HISTORY_LENGTH, -1)
  if job.mark ~= '' then leave_places(job) end
end
