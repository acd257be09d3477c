-- sweep: check that jobs are where their state says, and put back those that are not
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   error (JSON) for running jobs without a runner, then tokens
-- reply  the tokens that were put right
local now = clock_ms()
local repaired, lost, lines = {}, {}, {}

local checks = {}

function checks.queued(token, job)
  local line = job[LINE] or DEFAULT_LINE
  local index = tonumber(job[SEQ] or 0) - line_start(line)
  if index >= 0 and call('LINDEX', base .. K_LINE_OF .. line, index) == token then
    if call('SADD', base .. K_OPEN, line) == 0 then return false end
    pushed[line] = pushed[line] or 1
    return true
  end
  if lines[token] then return false end -- SCAN may name a key twice
  lost[#lost + 1], lines[token] = token, line
  return true
end

function checks.scheduled(token, job)
  return call('ZADD', base .. K_SCHEDULED, 'NX', job[DUE] or now, token) == 1
end

function checks.waiting(token, job)
  local reason, name = string.match(job[WAITS] or '', '^(%a+) (.*)$')
  if reason == 'unique' then return keep_following(job, name) end
  name = name or ''
  call('ZADD', base .. K_LIMITED, 'NX', now, name)
  if call('ZSCORE', base .. K_WAITERS .. name, token) and call('ZSCORE', base .. K_WAITING, token) then return false end
  set_aside(token, job[LINE], job[TURN], 'limit', name, K_WAITERS)
  return true
end

function checks.running(token, job)
  local runner = job.runner
  if call('HEXISTS', base .. K_RUNNERS, runner) == 1 then
    -- The rest is the business of the runner's heartbeat and of reconcile.
    local name, repaired = name_of(token, job.attempt), false
    for _, limit in ipairs(limits_of(job)) do
      if limit.places and take_place(limit, name) then repaired = true end
    end
    return call('SADD', base .. K_RUNNING .. runner, name) == 1 or repaired
  end
  recover(token, job.attempt, ARGV[1], integer(now), true)
  call('SREM', base .. K_RUNNING .. runner, name_of(token, job.attempt))
  return true
end

function checks.failed(token, job)
  return call('ZADD', base .. K_FAILED, 'NX', job[FINISHED] or now, token) == 1
end

function checks.cancelled(token, job)
  return call('ZADD', base .. K_CANCELLED, 'NX', job[FINISHED] or now, token) == 1
end

for index = 2, #ARGV do
  local token = ARGV[index]
  local job = read(token, LINE, SEQ, DUE, FINISHED, WAITS, TURN, TIES)
  local check = job and checks[job.state]
  local was_amiss = check and check(token, job)
  if job and job.mark == TIED and keep_name(job) or was_amiss then repaired[#repaired + 1] = token end
end

sort_latest_first(lost)
for _, token in ipairs(lost) do
  change(read(token), SEQ, to_front(lines[token], token))
end
wake_pushed()
return repaired
