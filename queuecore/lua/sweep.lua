-- sweep: check that jobs are where their state says, and put back those that are not
-- uses   recover
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   error (JSON) for running jobs without a runner, then tokens
-- reply  the tokens that were put right
local now = clock_ms()
local repaired = {}
for index = 2, #ARGV do
  local token = ARGV[index]
  local key = job_key(token)
  local fields = call('HMGET', key, STATE, LINE, SEQ, RUNNER, ATTEMPT, DUE, VERSION)
  local state, line = fields[1], fields[2] or 'normal'
  local wrong = false
  if state == 'queued' then
    local place = call('LINDEX', base .. K_LINE_OF .. line, tonumber(fields[3] or 0) - line_start(line))
    wrong = place ~= token
    if wrong then call('HSET', key, SEQ, to_front(line, token), VERSION, (fields[7] or 1) + 1) end
  elseif state == 'scheduled' then
    wrong = not call('ZSCORE', base .. K_SCHEDULED, token)
    if wrong then call('ZADD', base .. K_SCHEDULED, fields[6] or now, token) end
  elseif state == 'running' then
    -- A runner that is registered is the business of its heartbeat and of reconcile.
    wrong = call('HEXISTS', base .. K_RUNNERS, fields[4] or '') == 0
    if wrong then
      recover(token, fields[5], ARGV[1], string.format('%.0f', now))
      call('SREM', base .. K_RUNNING .. (fields[4] or ''), token)
    end
  end
  if wrong then repaired[#repaired + 1] = token end
end
if #repaired > 0 then wake_one() end
return repaired
