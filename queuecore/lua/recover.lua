-- recover: take a job from what died while running it
-- from   running
-- to     queued, failed, cancelled
-- flags  allow-oom
-- ARGV   (part of advance, take_over and sweep) payload: error (JSON)
local function recover(token, attempt, problem, now)
  local fields = owned(token, attempt, CANCEL, RUNNER, STARTED, LINE, CRASHES, MAX_CRASHES)
  if not fields then return false end
  remember(token, attempt, fields[6], fields[7], now, 'crashed', problem)
  local key, version, crashes = job_key(token), (fields[3] or 1) + 1, (fields[9] or 0) + 1
  count('crashed', 1)
  call('HSET', key, CRASHES, crashes)
  if fields[5] then
    close(token, 'cancelled', now, version, fields[4])
    return 'cancelled'
  end
  if crashes >= tonumber(fields[10] or DEFAULT_MAX_CRASHES) then
    call('HSET', key, ERROR, problem)
    close(token, 'failed', now, version, fields[4])
    return 'failed'
  end
  call('HSET', key, STATE, 'queued', SEQ, to_front(fields[8] or 'normal', token), VERSION, version)
  notify(fields[4], token, version)
  return 'queued'
end
