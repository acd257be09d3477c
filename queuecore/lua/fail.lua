-- fail: an attempt failed and no other is to follow
-- from   running
-- to     failed, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) payload: outcome word, a space, error (JSON)
local function fail(token, attempt, outcome, problem, now)
  local fields = owned(token, attempt, CANCEL, RUNNER, STARTED, FAILURES)
  if not fields then return false end
  remember(token, attempt, fields[6], fields[7], now, outcome, problem)
  if fields[5] then
    close(token, 'cancelled', now, (fields[3] or 1) + 1, fields[4])
  else
    call('HSET', job_key(token), ERROR, problem, FAILURES, (fields[8] or 0) + 1)
    close(token, 'failed', now, (fields[3] or 1) + 1, fields[4])
  end
  if outcome == 'timed_out' then count('timed_out', 1) end
  return true
end
