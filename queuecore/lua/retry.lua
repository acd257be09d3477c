-- retry: an attempt failed and another one follows after a delay
-- from   running
-- to     scheduled, queued, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) payload: outcome word, a space, delay (ms), a space, error (JSON)
local function retry(token, attempt, outcome, delay, problem, now)
  local fields = owned(token, attempt, CANCEL, RUNNER, STARTED, FAILURES, LINE)
  if not fields then return false end
  remember(token, attempt, fields[6], fields[7], now, outcome, problem)
  if outcome == 'timed_out' then count('timed_out', 1) end
  local key, version = job_key(token), (fields[3] or 1) + 1
  if fields[5] then
    close(token, 'cancelled', now, version, fields[4])
    return true
  end
  if delay > 0 then
    local due = now + delay
    call('ZADD', base .. K_SCHEDULED, due, token)
    call('HSET', key, STATE, 'scheduled', DUE, string.format('%.0f', due), VERSION, version, FAILURES, (fields[8] or 0) + 1)
  else
    local number = to_back(fields[9] or 'normal', token)
    call('HSET', key, STATE, 'queued', SEQ, number, VERSION, version, FAILURES, (fields[8] or 0) + 1)
  end
  count('retried', 1)
  notify(fields[4], token, version)
  return true
end
