-- idle: runners that have room and found nothing, and how one of them hears of work
-- flags  allow-oom
-- A runner that was given up stays listed, with nothing said of it, until its last job is taken from it.
local function is_registered(runner)
  return call('HSTRLEN', base .. K_RUNNERS, runner) > 0
end

-- The runners that have room for the jobs of a line and found none: idle for its queue and class of slot.
local function idle_for(line)
  return base .. K_IDLE .. string.match(line, '^(.*):')
end

-- Tells one idle runner that there is work in a line. A runner that cannot hear is passed over for the next.
-- Returns whether there was one.
local function wake_one(line)
  local idle, runs = idle_for(line), string.match(line, ':(.*):')
  while true do
    local runner = call('SPOP', idle)
    if not runner then return false end
    if call('PUBLISH', base .. K_CONTROL .. runner, 'work ' .. runs) > 0 then return true end
  end
end

-- Takes a runner that ends off all lists of idle ones. Which those are, it has said when it registered.
local function leave_idle(runner)
  local said = call('HGET', base .. K_RUNNERS, runner)
  if not said or said == '' then return end
  for _, queue in ipairs(cjson.decode(said).queues or {}) do
    for _, runs in ipairs(CLASSES) do call('SREM', base .. K_IDLE .. queue .. ':' .. runs, runner) end
  end
end
