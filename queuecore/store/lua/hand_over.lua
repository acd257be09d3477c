-- hand_over: a job that comes alone goes to a runner that has nothing to do, claimed, with the word of it
-- flags  -
-- So it begins a round trip earlier. A runner that has other jobs is no such one: what a handler does may keep it from
-- hearing for long. Returns whether there was one.
local function hand_over(line, token, spec, now)
  local idle = idle_for(line)
  local runner = call('SPOP', idle)
  if not runner then return false end
  local running = base .. K_RUNNING .. runner
  local message = 'job ' .. string.match(line, ':(.*):') .. ' ' .. token .. ' ' .. spec
  if call('EXISTS', running) == 0 and call('PUBLISH', base .. K_CONTROL .. runner, message) > 0 then
    call('HSET', job_key(token), STATE, 'running 1', CLAIMED, runner .. ' ' .. now)
    call('SADD', running, token)
    call('HINCRBY', base .. K_LINES, line, '1')
    return true
  end
  call('SADD', idle, runner)
  return false
end
