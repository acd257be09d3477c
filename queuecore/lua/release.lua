-- release: give an attempt back unspent, its job to the front of its line
-- from   running
-- to     queued, cancelled
-- flags  allow-oom
-- ARGV   (part of advance) no payload
local function release(token, attempt, now)
  local fields = owned(token, attempt, CANCEL, RUNNER, STARTED, LINE)
  if not fields then return false end
  remember(token, attempt, fields[6], fields[7], now, 'released', 'null')
  local version = (fields[3] or 1) + 1
  if fields[5] then
    close(token, 'cancelled', now, version, fields[4])
    return true
  end
  call('HSET', job_key(token), STATE, 'queued', SEQ, to_front(fields[8] or 'normal', token), VERSION, version)
  count('released', 1)
  notify(fields[4], token, version)
  return true
end
