-- cancel: a waiting job ends at once, a running one is asked to
-- from   scheduled, queued, running
-- to     cancelled, running
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   token
-- reply  {state before or '' when there is no such job, state after}
local token = ARGV[1]
local key = job_key(token)
local fields = call('HMGET', key, STATE, VERSION, WATCH, LINE, SEQ, RUNNER, CANCEL)
local state, version = fields[1], (fields[2] or 1) + 1
if not state then return { '', '' } end
if state == 'queued' or state == 'scheduled' then
  if state == 'queued' then
    leave_line(fields[4] or 'normal', token, fields[5])
  else
    call('ZREM', base .. K_SCHEDULED, token)
  end
  close(token, 'cancelled', clock_ms(), version, fields[3])
  return { state, 'cancelled' }
end
if state == 'running' and not fields[7] then
  call('HSET', key, CANCEL, 1, VERSION, version)
  call('HSET', base .. K_CANCELLING, token, fields[6])
  call('PUBLISH', base .. K_CONTROL .. fields[6], 'cancel ' .. token)
  notify(fields[3], token, version)
end
return { state, state }
