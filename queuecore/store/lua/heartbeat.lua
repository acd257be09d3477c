-- heartbeat: a supervisor says that its runners live, and hears what it has to know
-- from   running
-- to     running
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   time to live (ms) · number of queues · the queues that these runners serve
--        · number of notes · for each note: runner · ms for which its event loop does not turn · what keeps it, or '' when it
--        turns again · the ids of the runners
-- reply  {cancels as token, runner, ...; suspects; ms until these may be judged dead; forgotten;
--        ms until the next scheduled job or -1; 1 or 0: do jobs stand in line in these queues}
local now, ttl, queues = clock_ms(), tonumber(ARGV[1]), tonumber(ARGV[2])

-- Nobody looked for more than half a heartbeat's life: Redis, or every worker, was away, and heartbeats ran
-- out without a death. Then nobody is judged for one full life.
local function blind_ms()
  local fields = call('HMGET', base .. K_RECOVERY, 'tick', 'blind_until')
  local blind_until = tonumber(fields[2] or 0)
  if fields[1] and now - fields[1] > ttl / 2 then
    blind_until = now + ttl
    call('HSET', base .. K_RECOVERY, 'blind_until', integer(blind_until))
  end
  call('HSET', base .. K_RECOVERY, 'tick', integer(now))
  return math.max(0, blind_until - now)
end

local mine, forgotten = {}, {}
local notes, noted = {}, tonumber(ARGV[3 + queues])
for index = 4 + queues, 3 + queues + 3 * noted, 3 do
  local what = ARGV[index + 2]
  notes[ARGV[index]] = what == '' and '1' or integer(now - tonumber(ARGV[index + 1])) .. ' ' .. what
end
for index = 4 + queues + 3 * noted, #ARGV do
  local runner = ARGV[index]
  local alive = base .. K_ALIVE .. runner
  mine[runner] = true
  if not is_registered(runner) then
    forgotten[#forgotten + 1] = runner
  elseif notes[runner] then
    call('SET', alive, notes[runner], 'PX', ARGV[1])
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

local function has_backlog()
  for index = 3, 2 + queues do
    local paused = call('HEXISTS', base .. K_PAUSED, ARGV[index]) == 1
    for _, runs in ipairs(paused and {} or CLASSES) do
      local lines = lines_of({ ARGV[index] }, runs)
      for place, open in ipairs(call('SMISMEMBER', base .. K_OPEN, unpack(lines))) do
        if open == 1 and call('EXISTS', base .. K_LINE_OF .. lines[place]) == 1 then return 1 end
      end
    end
  end
  return 0
end

local blind = blind_ms()
promote(now, 1000)
look_after_limits(now)
wake_pushed()
return { cancels, suspects, blind, forgotten, next_due_ms(now), has_backlog() }
