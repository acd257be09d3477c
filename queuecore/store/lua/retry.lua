-- retry: an attempt failed and another one follows after a delay
-- from   running
-- to     scheduled, queued, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) payload: outcome word, a space, delay (ms), a space, error (JSON)
local function retry(token, attempt, payload, now)
  local outcome, delay, problem = string.match(payload, '^(%S+) (%d+) (.*)$')
  local job = owned(token, attempt, CANCEL, FAILURES, LINE)
  if not job then return false end
  end_attempt(job, now, outcome, problem)
  if outcome == 'timed_out' then count('timed_out', 1) end
  if job[CANCEL] then
    close(job, 'cancelled', now)
    return true
  end
  local failures = integer((job[FAILURES] or 0) + 1)
  if delay ~= '0' then
    local due = integer(now + delay)
    call('ZADD', base .. K_SCHEDULED, due, token)
    move(job, 'scheduled', DUE, due, FAILURES, failures)
  else
    move(job, 'queued', SEQ, to_back(job[LINE] or DEFAULT_LINE, token), FAILURES, failures)
  end
  count('retried', 1)
  return true
end
