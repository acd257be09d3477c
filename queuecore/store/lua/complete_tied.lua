-- complete_tied: what complete does, for one job with ties
-- flags  allow-oom
-- ARGV   (part of advance) payload: result (msgpack)
local function complete_tied(token, attempt, result, now)
  local job = owned(token, attempt)
  if not job then return false end
  leave_places(job)
  job.state = 'completed'
  call('HSET', job.key, STATE, 'completed ' .. attempt .. job.mark, FINISHED, now, RESULT, result)
  call('RPUSH', base .. K_COMPLETED, token)
  notify(token, version_of(job), 'completed', result)
  call('HDEL', base .. K_WATCHED, token)
  count('completed', 1)
  leave_name(job)
  return true
end
