-- heartbeat: a supervisor says that its runners live, and hears what it has to know
-- from   running
-- to     running
-- uses   promote
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   time to live (ms), then the ids of the runners
-- reply  {cancels as token, runner, ...; suspects; forgotten; ms until the next scheduled job or -1; jobs in line}
local now = clock_ms()
if promote(now, 1000) > 0 then wake_one() end

local mine, forgotten = {}, {}
for index = 2, #ARGV do
  local runner = ARGV[index]
  local alive = base .. K_ALIVE .. runner
  mine[runner] = true
  if not is_registered(runner) then
    forgotten[#forgotten + 1] = runner
  -- At maxmemory a plain SET would be refused without allow-oom (Redis 6.2); PEXPIRE passes everywhere.
  elseif call('PEXPIRE', alive, ARGV[1]) == 0 then
    call('SET', alive, '1', 'PX', ARGV[1])
  end
end

local cancels = {}
local asked = call('HGETALL', base .. K_CANCELLING)
for index = 1, #asked, 2 do
  local token, runner = asked[index], asked[index + 1]
  local job = read(token, CANCEL)
  if not job or job.state ~= 'running' or not job[CANCEL] then
    call('HDEL', base .. K_CANCELLING, token)
  elseif mine[runner] then
    cancels[#cancels + 1] = token
    cancels[#cancels + 1] = runner
  end
end

local suspects = {}
for _, runner in ipairs(call('HKEYS', base .. K_RUNNERS)) do
  if not mine[runner] and call('EXISTS', base .. K_ALIVE .. runner) == 0 then suspects[#suspects + 1] = runner end
end

return { cancels, suspects, forgotten, next_due_ms(now), in_line() }
