-- fail: an attempt failed and no other is to follow
-- from   running
-- to     failed, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) payload: outcome word, a space, error (JSON)
local function fail(token, attempt, payload, now)
  local outcome, problem = string.match(payload, '^(%S+) (.*)$')
  local job = owned(token, attempt, CANCEL, FAILURES)
  if not job then return false end
  end_attempt(job, now, outcome, problem)
  if outcome == 'timed_out' then count('timed_out', 1) end
  if job[CANCEL] then
    close(job, 'cancelled', now)
  else
    close(job, 'failed', now, ERROR, problem, FAILURES, integer((job[FAILURES] or 0) + 1))
  end
  return true
end
