-- take_over: recover the jobs of a runner that is dead
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   runner · 'dead' (its death was seen) or 'silent' (only if it has no heartbeat) · error (JSON) · limit
-- reply  {jobs still left, token, attempt, state, ...}; {-1} when a silent runner has a heartbeat after all
local runner, limit = ARGV[1], tonumber(ARGV[4])
local alive, running = base .. K_ALIVE .. runner, base .. K_RUNNING .. runner
if ARGV[2] == 'silent' and call('EXISTS', alive) == 1 then return { -1 } end
-- From here on the runner may claim nothing and its outcomes are refused, job by job, as they are taken.
call('DEL', alive)
leave_idle(runner)
if call('HEXISTS', base .. K_RUNNERS, runner) == 1 then call('HSET', base .. K_RUNNERS, runner, '') end

local now = integer(clock_ms())
-- All are looked at to take the latest first, also across calls; only so does their order hold.
local all, names = call('SMEMBERS', running), {}
sort_latest_first(all)
for index = 1, math.min(limit, #all) do names[index] = all[index] end

local reply, recovered = { 0 }, 0
for _, name in ipairs(names) do
  local token, attempt = split_name(name)
  local job = owned(token, attempt)
  local state = job and job.runner == runner and recover(token, attempt, ARGV[3], now, ARGV[2] == 'silent')
  if state then
    recovered = recovered + 1
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = token, attempt, state
  end
end
if #names > 0 then call('SREM', running, unpack(names)) end
count('recovered', recovered)
wake_pushed()
reply[1] = call('SCARD', running)
if reply[1] == 0 then call('HDEL', base .. K_RUNNERS, runner) end
return reply
