-- sweep: check that jobs are where their state says, and put back those that are not
-- uses   recover
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   error (JSON) for running jobs without a runner, then tokens
-- reply  the tokens that were put right
local now = clock_ms()
local repaired, lost, lines = {}, {}, {}

local checks = {}

function checks.queued(token, fields)
  local line = fields[2] or 'normal'
  local index = tonumber(fields[3] or 0) - line_start(line)
  if index >= 0 and call('LINDEX', base .. K_LINE_OF .. line, index) == token then return false end
  if lines[token] then return false end -- SCAN may name a key twice
  lost[#lost + 1], lines[token] = token, line
  return true
end

function checks.scheduled(token, fields)
  return call('ZADD', base .. K_SCHEDULED, 'NX', fields[6] or now, token) == 1
end

function checks.running(token, fields)
  local runner = fields[4] or ''
  if call('HEXISTS', base .. K_RUNNERS, runner) == 1 then
    -- The rest is the business of the runner's heartbeat and of reconcile.
    return call('SADD', base .. K_RUNNING .. runner, token) == 1
  end
  recover(token, fields[5], ARGV[1], string.format('%.0f', now))
  call('SREM', base .. K_RUNNING .. runner, token)
  return true
end

function checks.failed(token, fields)
  return call('ZADD', base .. K_FAILED, 'NX', fields[8] or now, token) == 1
end

function checks.cancelled(token, fields)
  return call('ZADD', base .. K_CANCELLED, 'NX', fields[8] or now, token) == 1
end

for index = 2, #ARGV do
  local token = ARGV[index]
  local fields = call('HMGET', job_key(token), STATE, LINE, SEQ, RUNNER, ATTEMPT, DUE, VERSION, FINISHED)
  local check = checks[fields[1]]
  if check and check(token, fields) then repaired[#repaired + 1] = token end
end

sort_latest_first(lost)
for _, token in ipairs(lost) do
  local version = (call('HGET', job_key(token), VERSION) or 1) + 1
  call('HSET', job_key(token), SEQ, to_front(lines[token], token), VERSION, version)
end
if #repaired > 0 then wake_one() end
return repaired
